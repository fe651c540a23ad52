<?php
/*
 * guestbook.php?cmd=get&key=K reads a value, guestbook.php?cmd=set&key=K&value=V writes one; JSON out.
 * The services are found by DNS name, or with GET_HOSTS_FROM=env by the variables that Kubernetes sets.
 */
function service(string $role): array
{
    $prefix = 'REDIS_' . strtoupper($role) . '_SERVICE_';
    if (getenv('GET_HOSTS_FROM') === 'env') {
        return [getenv($prefix . 'HOST'), (int) (getenv($prefix . 'PORT') ?: 6379)];
    }
    return ["redis-$role", 6379];
}

function store(string $role): Redis
{
    [$host, $port] = service($role);
    $redis = new Redis();
    $redis->connect($host, $port, 3.0);
    return $redis;
}

header('Content-Type: application/json');
$key = $_GET['key'] ?? 'guestbook';
try {
    if (($_GET['cmd'] ?? 'get') === 'set') {
        store('leader')->set($key, $_GET['value'] ?? '');
        echo json_encode(['message' => 'Updated']);
    } else {
        echo json_encode(['data' => store('follower')->get($key) ?: '']);
    }
} catch (RedisException $e) {
    http_response_code(503);
    echo json_encode(['error' => $e->getMessage()]);
}
