/* SPDX-License-Identifier: GPL-2.0 */
/* Tunables, for C (kernel/sysctl.c, which owns them) and C++. Read without locks. */
#ifndef RDS_SYSCTL_H
#define RDS_SYSCTL_H

struct rds_tunables {
	unsigned long reconnect_min_ticks; /* net.rds.reconnect_min_delay_ms */
	unsigned long reconnect_max_ticks; /* net.rds.reconnect_max_delay_ms */
	int max_unacked_packets;
	int max_unacked_bytes;
	int ping_enable;
	/* module parameters */
	unsigned int send_batch_count;
	unsigned int max_peers; /* in one namespace */
	unsigned int max_peers_user; /* of one user, and of all strangers, in one namespace */
	unsigned int max_strangers_second; /* new ones, in one namespace */
	unsigned int recv_cap_mb; /* of memory in one socket's receive queue, see recv.cc */
	unsigned int lanes; /* offered to each peer: 1, 2, 4, 8 */
	unsigned int lanes_unnamed; /* to one whose ports do not name them: see ping.cc */
	unsigned int
		idle_seconds; /* after which an unused peer is forgotten, see idle() in peer.cc */
};

#ifdef __cplusplus
extern "C" {
#endif

extern struct rds_tunables rds_tunables;

#ifdef __cplusplus
}
#endif

#endif /* RDS_SYSCTL_H */
