#!/bin/sh
# Healthy when the server answers on TCP; during the first start it listens on its socket only.
# Options of the usual image (--connect, --innodb_initialized, ...) all mean this.
exec mariadb-admin --protocol=tcp -h 127.0.0.1 -P "${MYSQL_TCP_PORT:-3306}" --connect-timeout=3 ping >/dev/null 2>&1
