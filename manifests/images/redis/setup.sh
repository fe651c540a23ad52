chmod 755 /usr/local/bin/docker-entrypoint.sh
mkdir -p /data
chown redis:redis /data
rm -rf /var/lib/redis /etc/redis
