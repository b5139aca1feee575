// SPDX-License-Identifier: GPL-2.0
/*
 * rds_rdma without the kernel's InfiniBand: its C++ half once more, on top of fake_verbs.cc. A few
 * calls of it go through the fake, too, which counts them or has them fail where nothing else can:
 * the kernel's fault injection does not reach softirqs.
 */
#include "ib_hooks.h"

#include "../transports/ib/connect.cc"
#include "../transports/ib/device.cc"
#include "../transports/ib/info.cc"
#include "../transports/ib/link.cc"
#include "../transports/ib/rdma.cc"
#include "../transports/ib/recv.cc"
#include "../transports/ib/regions.cc"
#include "../transports/ib/send.cc"
#include "../transports/ib/transport.cc"
