#!/bin/sh
# Installs the n8n that tests/test_n8n_end_to_end.py runs into the folder given, and prints what to set N8N_BIN to.
#
#     tests/n8n/install.sh /opt/n8n
#
# It needs npm, g++, make and python3, takes about ten minutes and three gigabytes, and changes nothing outside of the
# folder. Running it again goes on where it stopped. n8n is fair-code software under its Sustainable Use License: it is
# a client to test with here, and no part of Lead Desk.
set -eu

# n8n asks for Node 24, which few systems have yet; npm brings it as an ordinary package.
node_version=24.21.0
# Not the newest: a version is only worth testing against if everything that it depends on has been published.
n8n_version=2.41.1

if [ $# -ne 1 ]; then
    echo "usage: $0 FOLDER" >&2
    exit 2
fi
mkdir -p "$1"
folder=$(cd "$1" && pwd)

# A cache of its own, so that nearly a gigabyte of it can be deleted at the end.
export npm_config_cache="$folder/npm-cache" npm_config_audit=false npm_config_fund=false
export npm_config_update_notifier=false npm_config_loglevel=error

mkdir -p "$folder/node" "$folder/n8n"
npm install --prefix "$folder/node" "node@$node_version"
node=$(dirname "$(ls -d "$folder"/node/node_modules/node/node_modules/node-*/bin/node \
    "$folder"/node/node_modules/node-*/bin/node 2>/dev/null | head -n 1)")
PATH="$node:$PATH"
export PATH

# Without scripts: one optional driver among n8n's dependencies would download and then compile, and fail. Only the
# module for SQLite needs its script, and the headers of this Node instead of the system's.
npm install --prefix "$folder/n8n" --ignore-scripts "n8n@$n8n_version"
(cd "$folder/n8n" && npm_config_nodedir=$(dirname "$node") npm rebuild sqlite3)
rm -rf "$folder/npm-cache"

cat > "$folder/n8n-bin" <<END
#!/bin/sh
PATH="$node:\$PATH" exec "$folder/n8n/node_modules/.bin/n8n" "\$@"
END
chmod +x "$folder/n8n-bin"
"$folder/n8n-bin" --version
echo "N8N_BIN=$folder/n8n-bin"
