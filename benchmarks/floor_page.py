"""A page of My Queue's shape without anything behind it: four constant numbers and a constant grid of 50 rows."""

import pandas as pd
import streamlit as st

st.set_page_config(layout="wide")
st.session_state.runs = st.session_state.get("runs", 0) + 1
for place, label in zip(st.columns(4), ("My leads", "Ready", "In conversation", "Due"), strict=True):
    place.metric(label, "1,240")
rows = range(50)
# As wide as My Queue's, so that its cells are found in the same places.
widths = {"selected": 36, "log": 44, "open": 44, "name": 150, "job_title": 130, "company": 120, "status": 120, "owner": 120,
          "last_contact": 94, "method": 76, "contacts": 70, "score": 60, "tags": 170}
columns = {name: st.column_config.Column(width=width) for name, width in widths.items()}
columns["status"] = st.column_config.SelectboxColumn(width=widths["status"], options=["contacted", "qualified"])
st.data_editor(
    pd.DataFrame({
        "selected": [False] * 50, "log": [""] * 50, "open": [""] * 50, "name": [f"Ada Lovelace {row}" for row in rows],
        "job_title": ["Head of Sales"] * 50,
        "company": [f"Analytical Engines {row}" for row in rows], "status": ["contacted"] * 50, "owner": ["Alice"] * 50,
        "last_contact": pd.to_datetime(["2026-03-01"] * 50), "method": [["E-mail"]] * 50,
        "contacts": list(rows), "score": list(rows),
        "tags": [["priority", "autumn"]] * 50}, index=[f"lead-{row}" for row in rows]),
    key="grid", column_config=columns, hide_index=True, num_rows="fixed", height=493)
st.button("Again", key="again")
st.text(f"Run {st.session_state.runs}")
