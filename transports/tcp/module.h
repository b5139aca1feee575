/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls between the halves of rds_tcp that are not about a socket: module, namespaces, sysctls.
 * module.c, netns.c and sysctl.c are C, the rest is C++.
 */
#ifndef RDS_TCP_MODULE_H
#define RDS_TCP_MODULE_H

#include "rds/types.h"

struct rds_tcp_net;

/* Buffer sizes of a namespace's data sockets; 0: TCP's own, tuned by it. */
struct rds_tcp_sizes {
	int sndbuf;
	int rcvbuf;
};

RDS_EXTERN_C_BEGIN

/* ---- C, for C++ ---- */

struct rds_tcp_net *rds_tcp_net_of(const struct net *net); /* A */
int rds_tcp_netns_init(void); /* P; calls rds_tcp_net_start() for each namespace */
void rds_tcp_netns_exit(void); /* P; and rds_tcp_net_stop() */

/* ---- C, for C ---- */

const struct rds_tcp_sizes *rds_tcp_sizes_of(const struct net *net); /* A */
struct ctl_table_header;
/** rds_tcp_sysctl_add - net.rds.tcp.* of one namespace. P. Return: null: no memory. */
struct ctl_table_header *rds_tcp_sysctl_add(struct net *net, struct rds_tcp_sizes *sizes);
/** rds_tcp_sysctl_remove - waits until no handler runs any more. P. */
void rds_tcp_sysctl_remove(struct ctl_table_header *header);

/* ---- C++, for C: all P ---- */

int rds_tcp_start(struct module *owner);
void rds_tcp_stop(void);
/** rds_tcp_net_start - listen in @net. Return: 0, errno. */
int rds_tcp_net_start(struct net *net, struct rds_tcp_net **out);
void rds_tcp_net_stop(struct rds_tcp_net *tn); /* closes everything, frees @tn */
void rds_tcp_sizes_changed(struct net *net);

RDS_EXTERN_C_END

#endif /* RDS_TCP_MODULE_H */
