// SPDX-License-Identifier: GPL-2.0
/* rds_kunit.ko: the suites of the core and of transports. Loading it runs them. */
#include <linux/module.h>

MODULE_DESCRIPTION("RDS: KUnit suites");
MODULE_LICENSE("GPL");
MODULE_VERSION(RDS_VERSION);
MODULE_IMPORT_NS(RDS);
MODULE_IMPORT_NS(RDS_TEST);
