/* SPDX-License-Identifier: GPL-2.0 */
/* The C++ twins have the layout of what C compiles. Included by one unit of each module. */
#pragma once

#include "layout.h"
#include "rds/transport.h"

static_assert(sizeof(list_head) == LIST_HEAD_SIZE);
static_assert(sizeof(bio_vec) == BIO_VEC_SIZE);
static_assert(offsetof(bio_vec, bv_len) == BIO_VEC_LEN_OFFSET);
static_assert(offsetof(bio_vec, bv_offset) == BIO_VEC_OFFSET_OFFSET);
static_assert(sizeof(u32) == REFCOUNT_SIZE);
static_assert(sizeof(rds_message) == RDS_MESSAGE_SIZE);
static_assert(sizeof(rds_incoming) == RDS_INCOMING_SIZE);
static_assert(sizeof(rds_connection) == RDS_CONNECTION_SIZE);
static_assert(sizeof(rds_transport) == RDS_TRANSPORT_SIZE);
static_assert(offsetof(rds_transport, xmit) == RDS_TRANSPORT_XMIT);
static_assert(offsetof(rds_transport, exit) == RDS_TRANSPORT_EXIT);
static_assert(offsetof(rds_transport, flush_mrs) == RDS_TRANSPORT_FLUSH_MRS);
static_assert(offsetof(rds_transport, laddr_check6) == RDS_TRANSPORT_LADDR_CHECK6);
