#include "lib/resources/endpoints_repack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/api/schema.h"
#include "lib/base/arena.h"

static CoreV1__EndpointAddress *address_of(struct arena *arena, const char *ip)
{
	CoreV1__EndpointAddress *a = API_NEW(arena, core_v1__endpoint_address);
	a->ip = arena_strdup(arena, ip);
	return a;
}

static CoreV1__EndpointSubset *add_subset(
    struct arena *arena, CoreV1__Endpoints *ep, const char *ip, bool ready, const char *name, int32_t number)
{
	CoreV1__EndpointSubset *s = API_NEW(arena, core_v1__endpoint_subset);
	CoreV1__EndpointPort *port = API_NEW(arena, core_v1__endpoint_port);
	port->name = arena_strdup(arena, name);
	port->port = number;
	api_append(arena, s, ports, port);
	if (ready)
		api_append(arena, s, addresses, address_of(arena, ip));
	else
		api_append(arena, s, not_ready_addresses, address_of(arena, ip));
	ep->subsets[ep->n_subsets++] = s;
	return s;
}

static CoreV1__Endpoints *endpoints_of(struct arena *arena, size_t room)
{
	CoreV1__Endpoints *ep = API_NEW(arena, core_v1__endpoints);
	ep->subsets = ARENA_ARRAY(arena, CoreV1__EndpointSubset *, room);
	return ep;
}

static void equal_ports_share_a_subset_in_order(void **state)
{
	struct arena *arena = arena_new();
	CoreV1__Endpoints *ep = endpoints_of(arena, 8);
	add_subset(arena, ep, "10.0.0.10", true, "web", 80);
	add_subset(arena, ep, "10.0.0.9", true, "web", 80);
	add_subset(arena, ep, "10.0.0.8", false, "web", 80);
	add_subset(arena, ep, "10.0.0.7", true, "admin", 81);
	endpoints_repack(ep, arena);
	assert_int_equal(ep->n_subsets, 2);
	assert_string_equal(ep->subsets[0]->ports[0]->name, "admin");
	assert_int_equal(ep->subsets[1]->n_addresses, 2);
	assert_string_equal(ep->subsets[1]->addresses[0]->ip, "10.0.0.9"); /* by number, not by text */
	assert_string_equal(ep->subsets[1]->addresses[1]->ip, "10.0.0.10");
	assert_int_equal(ep->subsets[1]->n_not_ready_addresses, 1);
	arena_free(arena);
}

static void one_address_has_all_its_ports_once(void **state)
{
	struct arena *arena = arena_new();
	CoreV1__Endpoints *ep = endpoints_of(arena, 8);
	add_subset(arena, ep, "10.0.0.1", true, "web", 80);
	add_subset(arena, ep, "10.0.0.2", true, "web", 80);
	add_subset(arena, ep, "10.0.0.1", false, "admin", 81);
	add_subset(arena, ep, "10.0.0.1", true, "web", 80);
	/* The same address of another pod is another address. */
	CoreV1__EndpointSubset *other = add_subset(arena, ep, "10.0.0.2", true, "web", 80);
	other->addresses[0]->target_ref = API_NEW(arena, core_v1__object_reference);
	other->addresses[0]->target_ref->uid = "u";
	endpoints_repack(ep, arena);
	assert_int_equal(ep->n_subsets, 2);
	assert_int_equal(ep->subsets[0]->n_ports, 2);
	assert_int_equal(ep->subsets[0]->n_addresses, 0);
	assert_int_equal(ep->subsets[0]->n_not_ready_addresses, 1); /* not ready for one port: not ready */
	assert_int_equal(ep->subsets[1]->n_ports, 1);
	assert_int_equal(ep->subsets[1]->n_addresses, 2);
	arena_free(arena);
}

static void many_addresses_each_with_a_port_of_its_own(void **state)
{
	enum { LEN = 20000 };
	struct arena *arena = arena_new();
	CoreV1__Endpoints *ep = endpoints_of(arena, LEN);
	for (int i = LEN; i-- > 0;)
		add_subset(
		    arena, ep, arena_printf(arena, "10.1.%d.%d", i / 256, i % 256), true, "web", 1 + i / 2);
	endpoints_repack(ep, arena);
	assert_int_equal(ep->n_subsets, LEN / 2);
	for (int i = 0; i < LEN / 2; i++) {
		assert_int_equal(ep->subsets[i]->ports[0]->port, 1 + i);
		assert_int_equal(ep->subsets[i]->n_addresses, 2);
	}
	arena_free(arena);
}

static void empty_subsets_are_left_to_validation(void **state)
{
	struct arena *arena = arena_new();
	CoreV1__Endpoints *ep = endpoints_of(arena, 8);
	endpoints_repack(ep, arena);
	assert_int_equal(ep->n_subsets, 0);
	add_subset(arena, ep, "10.0.0.1", true, "web", 80)->n_addresses = 0;
	endpoints_repack(ep, arena);
	assert_int_equal(ep->n_subsets, 1);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(equal_ports_share_a_subset_in_order),
	    cmocka_unit_test(one_address_has_all_its_ports_once),
	    cmocka_unit_test(many_addresses_each_with_a_port_of_its_own),
	    cmocka_unit_test(empty_subsets_are_left_to_validation)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
