/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's basic types for headers that both halves of the seam include. C takes them from
 * the kernel; C++ gets twins of the same layout, asserted against generated/layout.h in
 * include/kernel/layout_check.h.
 */
#ifndef RDS_TYPES_H
#define RDS_TYPES_H

#ifdef __cplusplus

#include <cstddef>
#include <cstdint>
#include <linux/types.h>
#include <linux/in6.h>
#include <linux/rds.h>

using u8 = __u8;
using u16 = __u16;
using u32 = __u32;
using u64 = __u64;
using s32 = __s32;
using s64 = __s64;
using gfp_t = unsigned int;

struct list_head {
	list_head *next, *prev;
};

/* A piece of payload: one run of bytes in one (possibly compound) page. */
struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len;
	unsigned int bv_offset;
};

struct iov_iter;
struct module;
struct msghdr;
struct net;
struct scatterlist;
struct sock;

#define RDS_EXTERN_C_BEGIN extern "C" {
#define RDS_EXTERN_C_END   }

#else

#include <linux/bvec.h>
#include <linux/in6.h>
#include <linux/list.h>
#include <linux/rds.h>
#include <linux/types.h>
#include <linux/uio.h>

struct module;
struct msghdr;
struct net;
struct scatterlist;
struct sock;

#define RDS_EXTERN_C_BEGIN
#define RDS_EXTERN_C_END

#endif

#endif /* RDS_TYPES_H */
