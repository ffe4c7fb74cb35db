"""Who the sample team are, how many leads they own, and the words that those are made of. All of it is invented.

Web and e-mail addresses end in ``.example``, and telephone numbers come from the ranges that the countries' regulators
keep for films and novels, so that nobody's real door is knocked on.
"""

from dataclasses import dataclass

from lib.models import LostReason, Method, Role, Status


@dataclass(frozen=True, slots=True)
class Person:
    """A colleague, and the leads they own: how many per status in the pipeline's order, and how many of them are due.

    Days are counted back from now. Nothing happens to a person's leads after they ``left`` or while they are ``away``.
    """

    name: str
    role: Role
    leads: tuple[int, ...]
    due: int
    joined: int
    left: int = 0
    away: int = 0


@dataclass(frozen=True, slots=True)
class Team:
    """``people`` in the order in which they joined; the leads of ``NOBODY`` are the unassigned ones."""

    company: str
    domain: str
    firms: int
    people: tuple[Person, ...]


REP, LEAD, MANAGER = Role.REP, Role.TEAM_LEAD, Role.MANAGER
NOBODY = "nobody"
# The visitor of a demo starts as the first active person of the first company: a rep with a rich queue.
TEAMS = (
    #                                        new  enr  con  cvs  qua  cvt  lost
    Team("Northwind Outbound", "northwind-outbound.example", 170, (
        Person("Maya Lindqvist", REP,        (17,  25,  33,  15,  10,   8,  14), due=15, joined=410),
        Person("Declan Moorcroft", REP,      (2,    5,  14,   8,   4,   4,   5), due=22, joined=400, left=24),
        Person("Tomás Ferreirinha", REP,     (12,  17,  29,  14,   9,   9,  15), due=11, joined=395),
        Person("Priya Ramanathan", LEAD,     (3,    6,  14,   8,   6,   5,   6), due=4, joined=390),
        Person("Henrike Vosskamp", MANAGER,  (0,    1,   3,   2,   3,   2,   2), due=0, joined=385),
        Person("Yuki Tanabe-Holt", REP,      (6,   12,  25,  12,   8,   6,  16), due=10, joined=210, away=3),
        Person(NOBODY, REP,                  (52,  38,   5,   1,   0,   0,   8), due=2, joined=0),
    )),
    Team("Contoso Growth", "contoso-growth.example", 32, (
        Person("Lucía Barrientes", REP,      (8,   11,  13,   7,   4,   3,   5), due=6, joined=180),
        Person("Olu Adeyemi-Grant", MANAGER, (0,    2,   2,   2,   1,   1,   1), due=1, joined=175),
        Person(NOBODY, REP,                  (10,   7,   1,   0,   0,   0,   3), due=0, joined=0),
    )),
)

# How leads of a status were talked to, in order (o: we wrote, i: they did), and what people then set by hand.
STORIES = {
    Status.CONTACTED: ("o", "o", "o", "oo", "oo", "ooo", "ooo", "oooo", "ooooo"),
    Status.CONVERSING: ("oi", "ooi", "oio", "oio", "oioi", "ooioio"),
    Status.QUALIFIED: ("oioi", "ooioi", "oioio"),
    Status.CONVERTED: ("oioio", "ooioio", "oioioi"),
    Status.LOST: ("", "ooo", "oooo", "oi", "ooi", "oioi"),
}
MOVES = {
    Status.QUALIFIED: (("qualified",),) * 5 + (("qualified", "conversing", "qualified"),),
    Status.CONVERTED: (("qualified", "converted"),),
    Status.LOST: (("lost",),),
}

# First names / last names of one part of the world, so that the two go together.
NAMES = [tuple(tuple(part.split()) for part in line.split("/")) for line in """
Harriet Miles Joanna Curtis Imogen Russell Bethany Owen Tessa Gordon/Ashdown Whitlock Pemberly Garside Thornbury Oakes
Bailey Jordan Casey Monica Trent Vanessa Derek Paige Wesley/Hargrave Lindell Brockman Castell Mayhew Rutledge Stroud
Annika Jürgen Katrin Matthias Wiebke Stefan Heike Lukas Birgit/Brandtner Köhlermann Weißfeld Österle Hagenau Rüdiger
Amélie Thibault Océane Rémi Clémence Bastien Solène/Delacourt Beauvallon Fournel Marchenoir Lépinard Vauquelin
Itziar Rodrigo Macarena Íñigo Lorena Álvaro Pilar Joaquín/Valdepeña Santurce Ibarrola Quintanar Mondragón Cebrián
Giada Lorenzo Federica Niccolò Ilaria Davide Marzia/Bellacorte Fontanesi Granaroli Monteverdi Sartirana Calvisi
Sigrid Anders Tuva Håkon Linnéa Mikkel Freja Øystein/Sjöholm Kvarnström Bjørnstad Ørskov Lindgård Havsteen Åkerblom
Agnieszka Tomasz Zdeněk Jaroslava Małgorzata Paweł/Wiśniowiecka Dąbrówka Nováček Hrubínek Łaszcz Čermáková
Sanne Joost Marleen Bram Femke Thijs/Verhoeckx Duinkerken Zandstra Oosterwolde Hofdijk Rietbergen
Nilüfer Serkan Gülşen Emre Ayşegül Barış/Karadağlı Yıldızhan Özgürler Çınaroğlu Akıncıer Demirsoy
Kavya Rohan Ishita Arvind Lakshmi Nikhil Sneha Gaurav/Ramanujapuram Bhattarai Chaudhuri Deshmukh Iyengarson Malhotra
Chioma Tunde Wanjiru Kwabena Thandiwe Sipho Adaeze/Okwuosa Adebanjo Kamaunde Mensahene Dlaminkosi Nwachuku
Haruka Kenji Ayumi Daichi Sayaka/Morishige Takanuma Hoshikawa Uchimori
Jiho Minjun Yuna Hyejin/Hwangbo Seonwoo Jegal Namgung
Linh Thao Quang Huyen/Lethanh Phamvan Dinhcong
Beatriz Caio Letícia Thiago Renata Otávio Yasmin/Albuquerque Cavalcanti Figueirêdo Guimarães Paranhos Tavoralves
Noura Khalid Rania Omar Salma Tariq Dalia/Alhadidi Benkirane Elmasri Haddadin Mansouri Zeidani
Xiaoling Weijun Meifen Jianyu Shuhui/Ouyang Shangguan Situ Huangpu Dongfang
""".strip().splitlines()]

LEVELS = ("Head of", "Director of", "VP", "Senior Manager,", "Manager,", "Lead,", "Chief of Staff,", "Global Head of")
FUNCTIONS = ("Operations", "Sales", "Marketing", "Procurement", "Supply Chain", "IT", "Customer Success", "Finance",
             "People", "Business Development", "Data", "Digital Transformation", "Revenue Operations", "Growth")
TITLES = ("CEO", "Founder", "Co-founder & CTO", "COO", "Chief Revenue Officer", "Managing Director", "General Manager",
          "Owner", "Chief Information Officer", "Plant Manager", "Regional Director", "Office Manager")

# The second half of a firm's name, by industry.
INDUSTRIES = {
    "Logistics": ("Freight", "Logistics", "Cargo Lines", "Warehousing"),
    "Software": ("Software", "Cloud", "Labs", "Systems"),
    "Manufacturing": ("Works", "Precision Parts", "Tooling", "Castings"),
    "Healthcare": ("Clinics", "Diagnostics", "Health", "Medical Supply"),
    "Financial services": ("Capital", "Insurance", "Payments", "Advisory"),
    "Retail": ("Outfitters", "Home & Garden", "Grocers", "Sports"),
    "Energy": ("Energy", "Solar", "Grid Services", "Heat Pumps"),
    "Construction": ("Builders", "Structures", "Timber Homes", "Roofing"),
    "Food & beverage": ("Foods", "Brewing", "Dairy", "Bakeries"),
    "Professional services": ("Consulting", "Partners", "Recruiting", "Design Studio"),
    "Education": ("Learning", "Academy", "Training", "Publishing"),
    "Hospitality": ("Hotels", "Resorts", "Catering", "Travel"),
}
STEMS = """Aldermoor Birkenfall Brightwater Cedarline Corvane Dovetail Eastmarch Elmgate Fairhollow Fennick Glasswing
Granfell Halvorsund Harrowby Ironleaf Juniper&Co Kestrelway Kingsmere Larkspur Lumenforth Marrowgate Meridane Mosswick
Northpine Oakhurst Ostrava&Sons Pellegrine Pinecrest Quillstone Ravensholm Redbrook Saltmarsh Silverthread Stonebridge
Tallgrass Thistledown Umberline Valebrook Vellamo Westerly Whitcombe Windrose Wrenfield Yarrowdale Zephyrine""".split()
# Country, its cities, the form of its fictional telephone numbers (# is a digit), the tag of its region.
COUNTRIES = (
    ("United States", ("Austin", "Denver", "Chicago", "Portland", "Boston"), "+1-512-555-01##", "north america"),
    ("United States", ("Seattle", "Atlanta", "Minneapolis", "San Diego"), "+1-206-555-01##", "north america"),
    ("Canada", ("Toronto", "Vancouver", "Montréal"), "+1-416-555-01##", "north america"),
    ("United Kingdom", ("London", "Leeds", "Bristol"), "+44 20 7946 0###", "emea"),
    ("Germany", ("Berlin", "Hamburg", "München"), "+49 30 23125 ###", "emea"),
    ("France", ("Paris", "Lyon", "Nantes"), "+33 1 99 00 ## ##", "emea"),
    ("Australia", ("Sydney", "Melbourne", "Perth"), "+61 2 5550 ####", "apac"),
)
TECHNOLOGIES = ("Salesforce", "HubSpot", "SAP", "Snowflake", "Slack", "Microsoft 365", "Google Workspace", "Zendesk",
                "NetSuite", "Shopify", "AWS", "Azure", "Stripe", "Tableau", "Jira", "Workday", "PostgreSQL")
ROUNDS = (("Seed", 2), ("Series A", 9), ("Series B", 24), ("Series C", 60), ("Bootstrapped", 0), ("Family owned", 0))
SIGNALS = (
    ("hiring", "Opened {n} roles in {function}"), ("expansion", "Announced a second site near {city}"),
    ("leadership", "New head of {function} since last quarter"), ("technology", "Evaluating a replacement for {tool}"),
    ("funding", "Mentioned a new round in the local press"), ("social", "Commented on a post about outbound quality"),
    ("event", "Sends {n} people to the spring trade fair"), ("web", "Visited the pricing page {n} times in a week"),
)
TAGS = ("decision maker", "champion", "warm intro", "hiring", "competitor customer", "emea", "north america", "apac",
        "pilot", "trade fair", "newsletter", "priority", "re-engage", "security review", "enterprise", "budget holder")
NOTES = (
    "Prefers mornings. Assistant handles the calendar.", "Knows our champion at a sister company.",
    "Budget year starts in April; do not push before.", "Asked for prices in euro.",
    "Very technical: send the architecture page, not the brochure.", "Two earlier vendors failed here. Go slowly.",
    "Decides together with the finance lead.\nBoth want to see the same numbers.", "Likes short e-mails. Very short.",
    "Currently in a contract that renews in the autumn.", "Met briefly at the trade fair, good conversation.",
)

# Where a lead comes from: the share, the N8N workflows that bring it (none: a colleague typed it in), and whether its
# e-mail address is known from the start.
SOURCES = (
    ("linkedin", 40, ("LinkedIn Sales Navigator scrape", "LinkedIn post engagers", "LinkedIn job changes"), False),
    ("apollo", 28, ("Apollo daily import", "Apollo lookalikes"), True),
    ("website", 11, ("Website form intake", "Pricing page chat"), True),
    ("event", 8, ("Badge scan import",), True),
    ("referral", 8, (), True),
    ("partner list", 5, (), True),
)

# What is said, by the moment in a lead's story: method, subject, notes. ``thread`` is the subject before this one.
E, L, C, O = Method.EMAIL, Method.LINKEDIN, Method.CALL, Method.OTHER
# What came of a contact, by what its notes say; only outcomes that move a lead no further than the contact itself does.
OUTCOMES = (("no answer", "no_answer"), ("voicemail", "left_message"), ("front desk", "no_answer"))
# Why a lead was lost, by what the last answer says, and for those that nobody ever got to.
LOST = (
    ("another vendor", LostReason.COMPETITOR, "Signed with another vendor last month"),
    ("no budget", LostReason.NO_BUDGET, "Nothing before January"),
    ("in-house", LostReason.NO_NEED, "Built something of their own"),
    ("project was stopped", LostReason.BAD_TIMING, "Reorganisation"),
    ("changed jobs", LostReason.WRONG_PERSON, None),
    ("taken off the list", LostReason.OTHER, "Does not want to be contacted"),
)
LOST_UNTOUCHED = ((LostReason.BAD_DATA, "The address bounces"), (LostReason.BAD_DATA, None),
                  (LostReason.NO_NEED, "Too small for us"), (LostReason.WRONG_PERSON, "Left the company"))
TALK = {
    "intro": (
        (E, "Idea for {firm}", "Short intro with the {industry} case study. Asked for 15 minutes next week."),
        (E, "{firm} and your {function} team", "First mail of the sequence, opened with their hiring signal."),
        (E, "Question about {tool} at {firm}", "Asked who looks after {tool} and what annoys them about it."),
        (E, "Introduction via our newsletter", "They read the newsletter; referred to the piece on reply rates."),
        (L, None, "Connection request with a two-line note about their post on {function}."),
        (L, None, "Sent InMail: congratulated on the new site in {city}, offered the benchmark."),
        (L, None, "Request accepted last week; sent the intro and a link to the one-pager."),
        (C, None, "Cold call, reached the front desk. Best time is Thursday before ten."),
        (C, None, "Left a voicemail with the reference from {industry}. Will follow up by mail."),
        (C, None, "Got through for two minutes. Open to a mail, not to a meeting yet."),
        (O, "Trade fair", "Talked at their booth, swapped cards. They handle about {n} requests a day by hand."),
        (O, "Letter", "Posted the printed benchmark with a handwritten card."),
    ),
    "nudge": (
        (E, "Re: {thread}", "Second mail: one number from the benchmark, no ask."),
        (E, "Re: {thread}", "Bumped the thread with a quote from a customer in {industry}."),
        (E, "Worth a look?", "Sent the 90-second recording. Link was opened twice, no reply."),
        (E, "Should I close the file?", "Polite break-up mail; often the one that gets an answer."),
        (E, "Numbers for {city}", "Shared regional figures, asked for the right contact if it is somebody else."),
        (L, None, "Commented on their post, then a short message. Seen, no answer."),
        (L, None, "Sent a voice note, 40 seconds, about {tool}."),
        (L, None, "Shared the article on {function} that their colleague liked."),
        (C, None, "No answer, no voicemail. Try again after four."),
        (C, None, "Assistant says back from holiday on Monday. Noted a call for Tuesday."),
        (C, None, "Wrong extension; got the direct line from reception."),
        (O, "Webinar invitation", "Invited to the {industry} round table, calendar file attached."),
    ),
    "follow": (
        (E, "Agenda for Thursday", "Confirmed the demo, asked for {n} sample records beforehand."),
        (E, "Offer and next steps", "Sent two price options and the security questionnaire."),
        (E, "Answers to your questions", "Answered all {n} points, cc to our engineer for the one about {tool}."),
        (E, "Summary of our call", "Wrote up who decides, by when, and what success would look like."),
        (C, None, "Discovery call, 30 minutes. Pain: reports from {tool} take two days. Wants a pilot."),
        (C, None, "Demo for {n} people. Good questions about permissions; finance lead joined late."),
        (C, None, "Quick check-in. Legal has the contract, expects comments by the end of next week."),
        (C, None, "Talked through the pilot numbers. They beat the target, now the budget round."),
        (L, None, "Sent the reference customer's profile so that they can ask directly."),
        (O, "On-site visit", "Workshop in {city}, half a day. Drew up the roll-out with the {function} team."),
        (O, "Video message", "Recorded how their own process would look; shared through their portal."),
    ),
    "enquiry": (
        (O, "Website form", "Filled in the form: compares three vendors, wants a price range for {n} seats."),
        (O, "Chat on the pricing page", "Asked whether we connect to {tool} and where data is kept."),
        (E, "Request for a demo", "Wrote in on their own after reading the {industry} case study."),
        (C, None, "Called our main number after a recommendation. Wants a call back this week."),
    ),
    "reply": (
        (E, "Re: {thread}", "“Good timing, we are looking into this. Can you do Wednesday?”"),
        (E, "Re: {thread}", "Confirmed the pain, asked how long a roll-out takes."),
        (E, "Re: {thread}", "Has {n} questions about price and support; otherwise fine."),
        (E, "Fwd: {thread}", "Put us in touch with the {function} lead, who owns the topic."),
        (E, "Re: {thread}", "Likes the idea. Wants to see it with their own data."),
        (L, None, "Answered on LinkedIn: interested, but only after the quarter closes."),
        (L, None, "“Happy to talk, send me two slots.” Offered Tuesday and Thursday."),
        (L, None, "Asked for a reference in {industry}."),
        (C, None, "Called back. Current contract ends this year, has budget, wants to compare."),
        (C, None, "Called to move the demo by a day and to add a colleague from IT."),
        (O, "Calendar booking", "Booked 30 minutes through the scheduling link."),
        (O, "Visited our stand", "Came by with a colleague from {function}; very engaged."),
    ),
    "decline": (
        (E, "Re: {thread}", "“Thanks, but no. We signed with another vendor last month.”"),
        (E, "Re: {thread}", "No budget this year. Asked not to be contacted before January."),
        (E, "Re: {thread}", "Built something in-house on {tool}; happy with it."),
        (C, None, "Friendly no: the project was stopped after the reorganisation."),
        (L, None, "Changed jobs, no longer responsible. Did not name a successor."),
        (C, None, "Asked to be taken off the list. Done."),
    ),
}

# Who and what a list has to cope with. Each takes the place of one of the first rep's leads with its status; what it
# names replaces what would have been made up, None leaves it out. ``latin`` is for addresses, ``story`` for contacts
# (o: we wrote, i: they did).
_LONG_FIRM = ("Internationale Gesellschaft für nachhaltige Verpackungs-, Transport- und Lagerlösungen Mitteleuropa "
              "mbH & Co. Kommanditgesellschaft")
_LONG_TITLE = ("Senior Vice President, Global Strategic Partnerships, Channel Development and Revenue Operations "
               "(Europe, Middle East, Africa and Asia-Pacific)")
EDGES = (
    {"status": Status.ENRICHED, "first_name": "美咲", "last_name": "佐藤", "latin": "misaki sato", "firm": "株式会社あおば電機"},
    {"status": Status.CONVERSING, "first_name": "ليلى", "last_name": "المنصوري", "latin": "layla almansouri",
     "firm": "شركة الأفق للخدمات اللوجستية", "job_title": "مديرة المشتريات"},
    {"status": Status.CONTACTED, "first_name": "Ελένη", "last_name": "Παπαγιαννοπούλου", "latin": "eleni papagianno"},
    {"status": Status.CONVERSING, "first_name": "Оксана", "last_name": "Вишневецька", "latin": "oksana vyshnevetska"},
    {"status": Status.ENRICHED, "first_name": "अनन्या", "last_name": "शर्मा", "latin": "ananya sharma"},
    {"status": Status.QUALIFIED, "first_name": "서연", "last_name": "김", "latin": "seoyeon kim"},
    # Accents as characters of their own, as some systems deliver them.
    {"status": Status.ENRICHED, "first_name": "Zoe\u0308", "last_name": "Nun\u0303ez-Le\u0301vesque",
     "latin": "zoe nunez-levesque"},
    {"status": Status.CONTACTED, "first_name": "Siobhán", "last_name": "O'Brien", "latin": "siobhan o'brien"},
    {"status": Status.CONVERTED, "first_name": "Chiara", "last_name": "D’Angeloni", "latin": "chiara dangeloni"},
    {"status": Status.CONTACTED, "first_name": "Maximiliane-Theodora Alexandrina",
     "last_name": "von Hohenleichten-Sternberg", "latin": "maximiliane hohenlichten", "firm": _LONG_FIRM,
     "job_title": _LONG_TITLE},
    {"status": Status.ENRICHED, "email": None, "phone": None},
    {"status": Status.CONTACTED, "email": None},
    {"status": Status.NEW, "first_name": None, "last_name": None, "latin": "office", "job_title": None,
     "linkedin_url": None, "source": "website"},
    {"status": Status.CONTACTED, "first_name": None, "last_name": None, "latin": "purchasing", "job_title": None,
     "linkedin_url": None, "source": "website"},
    {"status": Status.ENRICHED, "first_name": None, "last_name": "Achterberg"},
    {"status": Status.NEW, "first_name": None, "last_name": "Mbeki-Stone", "firm": None},
    {"status": Status.CONVERSING, "tags": list(TAGS[:12])},
    {"status": Status.CONTACTED, "story": "o" * 9},
    {"status": Status.CONVERSING, "story": "i", "source": "website"},
    {"status": Status.ENRICHED, "enrichment": "empty", "score": None},
    {"status": Status.NEW, "enrichment": "missing", "score": None},
    {"status": Status.CONTACTED, "enrichment": "missing", "firm": None, "job_title": None},
)
