/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bytes two RDS nodes exchange: the message header and the protocol's numbers.
 * For the core, the transports, the tools and the tests, in C and in C++; data only,
 * so there is nothing to lock.
 *
 * A message is one header followed by exactly h_len payload bytes.
 */
#ifndef RDS_WIRE_H
#define RDS_WIRE_H

#ifdef __cplusplus
#include <cstdint>

#include <kernel/endian.h>
#else
#include <linux/types.h>
#endif

/* Sizes, in bytes. */
#define RDS_HEADER_BYTES   48
#define RDS_EXTHDR_BYTES   16 /* extension area inside the header */
#define RDS_CONG_MAP_BYTES 8192 /* one bit for each of 65536 ports */
#define RDS_CONG_MAP_PORTS 65536
#define RDS_MAX_MSG_SIZE   (1024 * 1024) /* payload of one message */
#define RDS_FRAG_SIZE	   4096 /* RDMA only: payload of one fragment */

#define RDS_TCP_PORT 16385 /* TCP listener; also the IPv6 CM port */
#define RDS_CM_PORT  18634 /* CM port for IPv4 */

/* RDS ports that no socket can have. */
#define RDS_PING_PORT	    0 /* a message to it is a ping */
#define RDS_FLAG_PROBE_PORT 1 /* source of the handshake probe */

#define RDS_MPATH_WORKERS 8 /* most lanes between two addresses */

/* h_flags */
#define RDS_FLAG_CONG_BITMAP	  0x01 /* counts only if it is the whole byte */
#define RDS_FLAG_ACK_REQUIRED	  0x02 /* with RDMA, and on TCP between two of ours */
#define RDS_FLAG_RETRANSMITTED	  0x04 /* may have been received before */
#define RDS_FLAG_HB_PING	  0x08 /* Oracle's heartbeat, RDMA only */
#define RDS_FLAG_HB_PONG	  0x10
#define RDS_FLAG_EXTHDR_EXTENSION 0x20 /* RDMA_BYTES is present */

/* Extension types; the type implies the payload length, see rds/exthdr.h. */
#define RDS_EXTHDR_NONE	      0 /* ends the list */
#define RDS_EXTHDR_VERSION    1
#define RDS_EXTHDR_RDMA	      2 /* key just used */
#define RDS_EXTHDR_RDMA_DEST  3 /* key and offset the peer may use */
#define RDS_EXTHDR_RDMA_BYTES 4
#define RDS_EXTHDR_NPATHS     5 /* lanes the sender supports */
#define RDS_EXTHDR_GEN_NUM    6 /* changes when the sender restarts */
#define RDS_EXTHDR_CAP_BITS   7 /* RDS_CAP_* */
#define RDS_EXTHDR_SPORT_IDX  8 /* TCP source port names the lane */
#define RDS_EXTHDR_CSUM	      9
#define RDS_EXTHDR_MAX	      16 /* a type from here on ends the list */

/*
 * Capabilities; Oracle's own begin at bit 0. The uppermost byte must be 0: older peers take it for
 * the end of the list.
 */
#define RDS_CAP_ASKS_FOR_LANES 0x00800000 /* it says in a probe which lanes it needs: */
#define RDS_CAP_LANES_SHIFT    8 /* from here on a bit for each of the eight */

#ifdef __cplusplus
#define RDS_WIRE_U8	      std::uint8_t
#define RDS_WIRE_BE16	      kernel::be16
#define RDS_WIRE_BE32	      kernel::be32
#define RDS_WIRE_BE64	      kernel::be64
#define RDS_WIRE_ASSERT(cond) static_assert(cond)
#define RDS_WIRE_SIZE(member) sizeof(rds_header::member)
#else
#define RDS_WIRE_U8	      __u8
#define RDS_WIRE_BE16	      __be16
#define RDS_WIRE_BE32	      __be32
#define RDS_WIRE_BE64	      __be64
#define RDS_WIRE_ASSERT(cond) _Static_assert(cond, #cond)
#define RDS_WIRE_SIZE(member) sizeof(((struct rds_header *)0)->member)
#endif

struct rds_header {
	RDS_WIRE_BE64 h_sequence; /* per lane, first is 1; 0 for congestion maps */
	RDS_WIRE_BE64 h_ack; /* RDMA only, 0 on TCP */
	RDS_WIRE_BE32 h_len; /* payload of the whole message */
	RDS_WIRE_BE16 h_sport;
	RDS_WIRE_BE16 h_dport;
	RDS_WIRE_U8 h_flags;
	RDS_WIRE_U8 h_credit; /* RDMA only, 0 on TCP */
	RDS_WIRE_U8 h_padding[4]; /* 0 */
	RDS_WIRE_BE16 h_csum; /* over the header; 0 means not computed */
	RDS_WIRE_U8 h_exthdr[RDS_EXTHDR_BYTES];
};

#define RDS_WIRE_AT(member, at, size)                                                              \
	RDS_WIRE_ASSERT(__builtin_offsetof(struct rds_header, member) == (at));                    \
	RDS_WIRE_ASSERT(RDS_WIRE_SIZE(member) == (size))

RDS_WIRE_AT(h_sequence, 0, 8);
RDS_WIRE_AT(h_ack, 8, 8);
RDS_WIRE_AT(h_len, 16, 4);
RDS_WIRE_AT(h_sport, 20, 2);
RDS_WIRE_AT(h_dport, 22, 2);
RDS_WIRE_AT(h_flags, 24, 1);
RDS_WIRE_AT(h_credit, 25, 1);
RDS_WIRE_AT(h_padding, 26, 4);
RDS_WIRE_AT(h_csum, 30, 2);
RDS_WIRE_AT(h_exthdr, 32, RDS_EXTHDR_BYTES);
RDS_WIRE_ASSERT(sizeof(struct rds_header) == RDS_HEADER_BYTES);

#undef RDS_WIRE_AT
#undef RDS_WIRE_SIZE
#undef RDS_WIRE_ASSERT
#undef RDS_WIRE_BE64
#undef RDS_WIRE_BE32
#undef RDS_WIRE_BE16
#undef RDS_WIRE_U8

#endif /* RDS_WIRE_H */
