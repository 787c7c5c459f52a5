# Makes the database on first start, then becomes the server. POSTGRES_DB and POSTGRES_PASSWORD
# name the database and its owner's password; the owner is called like the database.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    rm -rf "$PGDATA.making"
    initdb --pgdata="$PGDATA.making" --username=postgres --auth-local=trust \
        --auth-host=scram-sha-256 --no-sync >/dev/null
    echo "host all all all scram-sha-256" >> "$PGDATA.making/pg_hba.conf"
    postgres --single -D "$PGDATA.making" postgres >/dev/null <<SQL
CREATE ROLE $POSTGRES_DB LOGIN PASSWORD '$POSTGRES_PASSWORD'
CREATE DATABASE $POSTGRES_DB OWNER $POSTGRES_DB
SQL
    mv "$PGDATA.making" "$PGDATA"
fi
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp "$@"
