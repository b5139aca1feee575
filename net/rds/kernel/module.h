/* SPDX-License-Identifier: GPL-2.0 */
/* Parts of the seam's C half that start and stop together; kernel/module.c gives the order. */
#ifndef RDS_KERNEL_MODULE_H
#define RDS_KERNEL_MODULE_H

struct ctl_table_header;

int rds_memory_init(void);
void rds_memory_exit(void);
int rds_work_init(void);
void rds_work_exit(void);
int rds_net_ops_init(void);
void rds_net_ops_exit(void);
int rds_sysctl_init(void);
void rds_sysctl_exit(void);
int rds_family_init(void);
void rds_family_exit(void);

#endif
