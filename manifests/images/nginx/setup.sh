chmod 755 /docker-entrypoint.sh
rm -f /docker-entrypoint.d/.keep /etc/nginx/sites-enabled/default
# Manifests and configurations name the account nginx.
groupadd -r -g 101 nginx
useradd -r -g nginx -d /var/cache/nginx -s /usr/sbin/nologin nginx
sed -i 's/^user www-data;/user nginx;/; s#^pid .*#pid /run/nginx.pid;#' /etc/nginx/nginx.conf
sed -i '/sites-enabled/d' /etc/nginx/nginx.conf
nginx -t -q
mkdir -p /var/cache/nginx
ln -sf /dev/stdout /var/log/nginx/access.log
ln -sf /dev/stderr /var/log/nginx/error.log
rm -f /run/nginx.pid
