/* SPDX-License-Identifier: GPL-2.0 */
/* Between the two halves of rds_loop.ko: module.c starts and stops what loop.cc is. */
#ifndef RDS_LOOP_H
#define RDS_LOOP_H

#include "rds/transport.h"

RDS_EXTERN_C_BEGIN
extern struct rds_transport rds_loop_transport;
int rds_loop_start(struct module *owner);
void rds_loop_stop(void);
RDS_EXTERN_C_END

#endif /* RDS_LOOP_H */
