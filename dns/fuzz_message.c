/* Any bytes as a query, and the same bytes as what upstream said about an alias. */
#include <stdint.h>

#include "dns/answer.h"
#include "dns/zone.h"
#include "lib/base/buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dns_zone *make_zone(void)
{
	struct dns_zone *zone = dns_zone_new("cluster.local", 30);
	MetaV1__ObjectMeta meta = META_V1__OBJECT_META__INIT;
	CoreV1__Service service = CORE_V1__SERVICE__INIT;
	CoreV1__ServiceSpec spec = CORE_V1__SERVICE_SPEC__INIT;
	CoreV1__ServicePort port = CORE_V1__SERVICE_PORT__INIT, *ports[] = {&port};
	meta.namespace_ = "default";
	port.name = "http";
	port.protocol = "TCP";
	port.port = 80;
	spec.type = "ClusterIP";
	spec.cluster_ip = "10.96.0.1";
	spec.ports = ports;
	spec.n_ports = 1;
	service.metadata = &meta;
	service.spec = &spec;
	meta.name = "web";
	dns_zone_put_service(zone, &service);
	spec.type = "ExternalName";
	spec.external_name = "www.example.com";
	meta.name = "out";
	dns_zone_put_service(zone, &service);
	dns_zone_put_namespace(zone, "default");
	return zone;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dns_zone *zone;
	static const char alias[] = "\0\1\1\0\0\1\0\0\0\0\0\0\3out\7default\3svc\7cluster\5local\0\0\1\0\1";
	char chase[DNS_NAME_MAX];
	struct buf out = BUF_INIT;
	if (!zone)
		zone = make_zone();
	for (int i = 0; i < 4; i++) {
		struct dns_answer_options options = {
		    .is_tcp = i & 1, .has_upstream = i & 2, .is_ready = true};
		buf_reset(&out);
		if (dns_answer(zone, data, size, &options, &out, chase) == DNS_VERDICT_CHASE) {
			dns_chase_query(data, size, chase, 1, &out);
			buf_reset(&out);
			dns_answer_chased(zone, data, size, &options, chase, NULL, 0, &out);
		}
		buf_reset(&out);
		dns_answer_chased(
		    zone, alias, sizeof(alias) - 1, &options, "www.example.com", data, size, &out);
		buf_reset(&out);
		dns_answer_failure(data, size, false, DNS_SERVFAIL, &out);
	}
	buf_done(&out);
	return 0;
}
