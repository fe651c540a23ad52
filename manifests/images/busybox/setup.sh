bb=/bin/busybox
$bb mkdir -p /dev /etc /home /proc /root /sys /tmp /usr/bin /usr/sbin /sbin /var/spool/mail /var/www
$bb chmod 1777 /tmp
$bb chmod 700 /root
$bb rm -rf /usr/share
for applet in $($bb --list); do
	[ "$applet" = busybox ] || $bb ln -sf busybox /bin/$applet
done
$bb ln -sf /bin/env /usr/bin/env
cat >/etc/passwd <<'T'
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
T
cat >/etc/group <<'T'
root:x:0:
daemon:x:1:
www-data:x:33:
nogroup:x:65534:
T
echo 'hosts: files dns' >/etc/nsswitch.conf
