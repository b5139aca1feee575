// SPDX-License-Identifier: GPL-2.0
/* Suite rds_peer: caps, idle collection, races of creation, namespaces. Bodies: peer_test.cc. */
#include "suite.h"

#define PEER_CASES(x)                                                                              \
	x(cap__of_the_namespace) x(cap__of_a_user) x(cap__of_strangers) x(                         \
		cap__of_strangers_at_once) x(reap__idle_peers_go) x(reap__in_spite_of_a_probe)     \
		x(reap__makes_room) x(reap__not_what_is_in_use) x(reap__from_a_connect_hook)       \
			x(create__many_at_once) x(create__races_with_collection)                   \
				x(accept__finds_the_same) x(accept__refuses_local_addresses) x(    \
					destroy_net__and_again) x(namespace__ends_with_live_peers) \
					x(destroy__twice_at_once) x(tos__part_of_the_key)          \
						x(tos__settled_by_the_first_send)

RDS_KUNIT_SUITE(rds_peer, PEER_CASES);
