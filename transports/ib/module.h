/* SPDX-License-Identifier: GPL-2.0 */
/* Between the halves of rds_rdma: start, stop, and what the administrator sets (module.c). */
#ifndef RDS_IB_MODULE_H
#define RDS_IB_MODULE_H

#include "rds/types.h"

/* net.rds.ib.* and the module's parameters; looked at when something is made. */
struct rds_ib_settings {
	unsigned long max_send_wr, max_recv_wr, max_unsignaled_wr;
	unsigned long max_recv_allocation; /* messages being received, of all connections */
	int flow_control;
	unsigned int pool_1m, pool_8k;
	unsigned int retry_count;
};

RDS_EXTERN_C_BEGIN
extern struct rds_ib_settings rds_ib_settings;
int rds_ib_start(struct module *owner); /* P; 0 or errno with nothing left behind */
void rds_ib_stop(void); /* P */
RDS_EXTERN_C_END

#endif /* RDS_IB_MODULE_H */
