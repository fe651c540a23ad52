#!/bin/bash
# Fill the document root on the first start, then become the web server.
set -euo pipefail

src=/usr/src/wordpress

copy_site() {
	echo "wordpress: copying the site to $PWD" >&2
	# What is already there stays: a claim may hold the user's wp-content only. index.php goes last, so
	# that a copy cut short is taken up again by the next start.
	(cd "$src" && find . -mindepth 1 -maxdepth 1 ! -name index.php -print0) |
		tar -C "$src" --owner="$owner" --group="$group" --null -T - -cf - |
		tar -xf - --skip-old-files
	install -m 644 "$src/index.php" index.php
	[ "$(id -u)" != 0 ] || chown "$owner:$group" index.php
}

write_config() {
	local phrase
	while IFS= read -r line; do
		if [[ $line == *'put your unique phrase here'* ]]; then
			phrase=$(head -c 48 /dev/urandom | base64 | tr -d '\n')
			line=${line/put your unique phrase here/$phrase}
		fi
		printf '%s\n' "$line"
	done </usr/src/wp-config-docker.php >wp-config.php.new
	[ "$(id -u)" != 0 ] || chown "$owner:$group" wp-config.php.new
	mv wp-config.php.new wp-config.php
}

# Leaves a mark for wp-config.php when the world outside can't be reached within two seconds.
# A restart looks again; define('WP_HTTP_BLOCK_EXTERNAL', ...) in WORDPRESS_CONFIG_EXTRA decides instead.
look_outside() {
	if timeout 2 bash -c 'exec 3<>/dev/tcp/wordpress.org/443' 2>/dev/null; then
		rm -f /run/wordpress-offline
	else
		touch /run/wordpress-offline 2>/dev/null || :
	fi
}

if [[ ${1-} == apache2* ]]; then
	look_outside &
	owner=www-data group=www-data
	if [ "$(id -u)" != 0 ]; then
		owner=$(id -u) group=$(id -g)
	elif [ "$(stat -c %u:%g .)" = 0:0 ]; then
		chown www-data:www-data .
	fi
	if [ ! -e index.php ] || [ ! -e wp-includes/version.php ]; then
		copy_site
	fi
	if [ ! -s wp-config.php ]; then
		write_config
	fi
	php /usr/local/lib/wordpress/create-database.php || :
	wait
fi
exec "$@"
