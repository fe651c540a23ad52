#!/bin/bash
# Prepare the data directory on the first start, then become the server.
#
# Variables, each also as MYSQL_x and as x_FILE (a file that holds the value):
#   MARIADB_ROOT_PASSWORD | MARIADB_ALLOW_EMPTY_ROOT_PASSWORD | MARIADB_RANDOM_ROOT_PASSWORD   one is required
#   MARIADB_ROOT_HOST (default %)   MARIADB_DATABASE   MARIADB_USER   MARIADB_PASSWORD
# Files in /docker-entrypoint-initdb.d (*.sh, *.sql, *.sql.gz) run after that, sorted by name.
set -eo pipefail
shopt -s nullglob

log() { echo "$(date -u +%FT%TZ) [entrypoint] $*" >&2; }
die() {
	log "ERROR: $*"
	exit 1
}

# setting NAME [FORMER NAME]: sets NAME from MARIADB_NAME, MYSQL_NAME or their _FILE variants.
setting() {
	local name=$1 candidate value= file
	for candidate in "MYSQL_${2:-$1}" "MARIADB_$1"; do
		file=${candidate}_FILE
		if [ -n "${!file-}" ]; then
			[ -z "${!candidate-}" ] || die "both $candidate and $file are set"
			value=$(<"${!file}")
		elif [ -n "${!candidate-}" ]; then
			value=${!candidate}
		fi
		unset "$candidate" "$file"
	done
	printf -v "$name" %s "$value"
}

quote() { # a SQL string literal
	local s=${1//\\/\\\\}
	printf "'%s'" "${s//\'/\\\'}"
}
identifier() { printf '`%s`' "${1//\`/\`\`}"; }

sql() { # SQL on stdin, as root over the socket of the temporary server
	mariadb --no-defaults --protocol=socket --socket="$socket" -uroot ${server_password:+-p"$server_password"} --comments "$@"
}

read_settings() {
	setting ROOT_PASSWORD
	setting ROOT_HOST
	setting DATABASE
	setting USER
	setting PASSWORD
	setting ALLOW_EMPTY_ROOT_PASSWORD ALLOW_EMPTY_PASSWORD
	setting RANDOM_ROOT_PASSWORD
	if [ -z "$ROOT_PASSWORD$ALLOW_EMPTY_ROOT_PASSWORD$RANDOM_ROOT_PASSWORD" ]; then
		die "the database is uninitialised and no password option is set:" \
			"MARIADB_ROOT_PASSWORD, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD or MARIADB_RANDOM_ROOT_PASSWORD"
	fi
	if [ -n "$USER" ] && [ -z "$PASSWORD" ]; then
		die "MARIADB_USER is set but MARIADB_PASSWORD is not"
	fi
	if [ -n "$RANDOM_ROOT_PASSWORD" ]; then
		ROOT_PASSWORD=$(head -c 24 /dev/urandom | base64)
		log "GENERATED ROOT PASSWORD: $ROOT_PASSWORD"
	fi
}

start_temporary_server() {
	"$@" --skip-networking --socket="$socket" --skip-log-bin --loose-innodb-buffer-pool-load-at-startup=0 &
	server=$!
	for ((i = 0; i < 600; i++)); do
		if sql --database=mysql <<<'SELECT 1' >/dev/null 2>&1; then
			return
		fi
		kill -0 $server 2>/dev/null || die "the temporary server ended"
		sleep 0.1
	done
	die "the temporary server did not answer within a minute"
}

create_accounts() {
	local host=${ROOT_HOST:-%}
	{
		echo "SET @@SESSION.SQL_LOG_BIN=0;"
		echo "DELETE FROM mysql.global_priv WHERE User = '' OR (User = 'root' AND Host NOT IN ('localhost'));"
		echo "FLUSH PRIVILEGES;"
		echo "SET PASSWORD FOR 'root'@'localhost' = PASSWORD($(quote "$ROOT_PASSWORD"));"
		if [ "$host" != localhost ]; then
			echo "CREATE USER 'root'@$(quote "$host") IDENTIFIED BY $(quote "$ROOT_PASSWORD");"
			echo "GRANT ALL ON *.* TO 'root'@$(quote "$host") WITH GRANT OPTION;"
		fi
		if [ -n "$DATABASE" ]; then
			echo "CREATE DATABASE IF NOT EXISTS $(identifier "$DATABASE");"
		fi
		if [ -n "$USER" ]; then
			echo "CREATE USER $(quote "$USER")@'%' IDENTIFIED BY $(quote "$PASSWORD");"
			if [ -n "$DATABASE" ]; then
				# In a grant, _ and % of the database's name are wildcards unless escaped.
				echo "GRANT ALL ON $(identifier "${DATABASE//_/\\_}").* TO $(quote "$USER")@'%';"
			fi
		fi
	} | sql --database=mysql --binary-mode
	server_password=$ROOT_PASSWORD
}

run_init_files() {
	local file
	for file in /docker-entrypoint-initdb.d/*; do
		case $file in
		*.sh)
			log "running $file"
			if [ -x "$file" ]; then "$file"; else . "$file"; fi
			;;
		*.sql)
			log "running $file"
			sql ${DATABASE:+--database="$DATABASE"} <"$file"
			;;
		*.sql.gz)
			log "running $file"
			gunzip -c "$file" | sql ${DATABASE:+--database="$DATABASE"}
			;;
		*) log "ignoring $file" ;;
		esac
	done
}

# An interrupted first start leaves the marker: what it made is incomplete and is made again.
initialise() {
	local marker=$datadir/.initialising
	if [ -e "$marker" ]; then
		log "an earlier initialisation was interrupted; starting over"
		find "$datadir" -mindepth 1 -maxdepth 1 ! -name lost+found ! -name .initialising -exec rm -rf {} +
	fi
	read_settings
	touch "$marker"
	log "initialising $datadir"
	mariadb-install-db --datadir="$datadir" --auth-root-authentication-method=normal --skip-test-db \
		--cross-bootstrap --skip-name-resolve >/dev/null
	socket=/run/mysqld/init.sock server_password=
	start_temporary_server "$@"
	create_accounts
	run_init_files
	kill -TERM $server
	wait $server || die "the temporary server did not stop cleanly"
	rm "$marker"
	log "initialised; ready for start up"
}

case ${1-} in
-*) set -- mariadbd "$@" ;;
mysqld) set -- mariadbd "${@:2}" ;;
esac

if [ "${1-}" = mariadbd ]; then
	case " $* " in
	*" --help "* | *" --version "* | *" -V "* | *" -? "*) exec "$@" ;;
	esac
	datadir=$("$@" --verbose --help 2>/dev/null | awk '$1 == "datadir" { print $2; exit }')
	datadir=${datadir:-/var/lib/mysql/}
	datadir=${datadir%/}
	if [ "$(id -u)" = 0 ]; then
		mkdir -p "$datadir" /run/mysqld
		find "$datadir" /run/mysqld \! -user mysql -exec chown mysql:mysql {} +
		exec setpriv --reuid=mysql --regid=mysql --init-groups "$0" "$@"
	fi
	if [ ! -d "$datadir/mysql" ] || [ -e "$datadir/.initialising" ]; then
		initialise "$@"
	fi
fi
exec "$@"
