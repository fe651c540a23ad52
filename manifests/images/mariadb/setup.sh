chmod 755 /usr/local/bin/docker-entrypoint.sh /usr/local/bin/healthcheck.sh
rm -f /docker-entrypoint-initdb.d/.keep
ln -sf docker-entrypoint.sh /usr/local/bin/mariadb-entrypoint.sh
groupadd -r -g 999 mysql
useradd -r -u 999 -g mysql -d /var/lib/mysql -s /usr/sbin/nologin mysql
rm -rf /var/lib/mysql
install -d -m 755 -o mysql -g mysql /var/lib/mysql
install -d -m 1777 -o mysql -g mysql /run/mysqld
# The server's own name in other images.
[ -e /usr/sbin/mysqld ] || ln -s mariadbd /usr/sbin/mysqld
rm -rf /usr/share/mysql/mysql-test /usr/share/mysql/*/*.txt
for lang in /usr/share/mysql/*/errmsg.sys; do
	case $lang in */english/*) ;; *) rm -rf "${lang%/*}" ;; esac
done
