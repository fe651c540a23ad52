# Lock files live here (/var/lock leads to it).
mkdir -p -m 1777 /run/lock
chmod 1777 /run/lock
