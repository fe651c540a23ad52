chmod 755 /usr/local/bin/apache2-foreground
a2enmod -q rewrite expires remoteip headers >/dev/null
a2enconf -q container >/dev/null
for log in access other_vhosts_access; do
	ln -sf /dev/stdout /var/log/apache2/$log.log
done
ln -sf /dev/stderr /var/log/apache2/error.log
rm -f /var/www/html/index.html
chown www-data:www-data /var/www/html
