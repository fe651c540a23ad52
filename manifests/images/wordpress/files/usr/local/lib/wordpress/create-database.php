<?php
/*
 * Make the site's database if the server has none of that name and the account may: well-known manifests
 * give the database server a root password only. Waits up to 30 s for the server; whatever happens, the site
 * starts and says itself what is wrong.
 */
mysqli_report(MYSQLI_REPORT_OFF);

function setting(string $name, string $default): string
{
    $file = getenv("WORDPRESS_{$name}_FILE");
    if ($file) {
        return rtrim((string) @file_get_contents($file), "\r\n");
    }
    return getenv("WORDPRESS_$name") ?: $default;
}

[$host, $port, $socket] = [setting('DB_HOST', 'mysql'), 3306, null];
if (str_contains($host, ':')) {
    [$host, $rest] = explode(':', $host, 2);
    is_numeric($rest) ? $port = (int) $rest : $socket = $rest;
}
$name = setting('DB_NAME', 'wordpress');

for ($end = time() + 30; time() < $end; sleep(1)) {
    $db = mysqli_init();
    $db->options(MYSQLI_OPT_CONNECT_TIMEOUT, 3);
    if (@$db->real_connect($host, setting('DB_USER', 'root'), setting('DB_PASSWORD', ''), null, $port, $socket)) {
        if (!$db->select_db($name) && !$db->query('CREATE DATABASE IF NOT EXISTS `' . str_replace('`', '``', $name) . '`')) {
            fwrite(STDERR, "wordpress: cannot create database $name: {$db->error}\n");
        }
        exit(0);
    }
    if (in_array($db->connect_errno, [1044, 1045], true)) { // refused: waiting would not help
        break;
    }
}
fwrite(STDERR, "wordpress: no database yet at $host: " . mysqli_connect_error() . "\n");
