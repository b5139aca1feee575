// SPDX-License-Identifier: GPL-2.0
/*
 * The records of the RDS_INFO_* socket options: where each field lies, and how a snapshot is cut
 * into records. Works on bytes alone, so that unit tests can feed it any. Called by info_format.h
 * and info_json.h. Addresses and ports are in network byte order, everything else in host byte
 * order.
 *
 * The kernel says how long its records are (the stride). They may be longer than ours, when a
 * newer kernel added fields at the end, or shorter: what is missing then reads as zero.
 */
#ifndef RDS_TOOLS_INFO_RECORDS_H
#define RDS_TOOLS_INFO_RECORDS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <linux/rds.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace rds_tools {

using bytes = std::span<const std::uint8_t>;

enum class ip { v4, v6 };

/* One layout for each record of each family; "none" marks a field that this record lacks. */
constexpr std::size_t none = ~std::size_t{0};

constexpr std::size_t transport_name_size = 16;
constexpr std::size_t counter_name_size = 32;

struct counter_layout {
	std::size_t size, name, value;
};
constexpr counter_layout counter_fields{40, 0, 32};

struct connection_layout {
	ip family;
	std::size_t size, next_tx, next_rx, laddr, faddr, transport, flags, tos;
};
constexpr connection_layout connection4{ip::v4, 42, 0, 8, 16, 20, 24, 40, 41};
constexpr connection_layout connection6{ip::v6, 65, 0, 8, 16, 32, 48, 64, none};

struct message_layout {
	ip family;
	std::size_t size, seq, len, laddr, faddr, lport, fport, flags, tos;
};
constexpr message_layout message4{ip::v4, 26, 0, 8, 12, 16, 20, 22, 24, 25};
constexpr message_layout message6{ip::v6, 50, 0, 8, 12, 28, 44, 46, 48, 49};

struct socket_layout {
	ip family;
	std::size_t size, sndbuf, bound, connected, bound_port, connected_port, rcvbuf, inum;
};
constexpr socket_layout socket4{ip::v4, 28, 0, 4, 8, 12, 14, 16, 20};
constexpr socket_layout socket6{ip::v6, 52, 0, 4, 20, 36, 38, 40, 44};

struct tcp_layout {
	ip family;
	std::size_t size, laddr, lport, faddr, fport, hdr_rem, data_rem, sent_nxt, expect_una,
		seen_una, tos;
};
constexpr tcp_layout tcp4{ip::v4, 41, 0, 4, 6, 10, 12, 20, 28, 32, 36, 40};
constexpr tcp_layout tcp6{ip::v6, 64, 0, 16, 18, 34, 36, 44, 52, 56, 60, none};

struct rdma_layout {
	ip family;
	std::size_t size, src, dst, src_gid, dst_gid, send_wr, recv_wr, send_sge, mr_max, mr_size,
		tos, sl, cache_allocs;
};
constexpr rdma_layout rdma4{ip::v4, 68, 0, 4, 8, 24, 40, 44, 48, 52, 56, 60, 61, 64};
constexpr rdma_layout rdma6{ip::v6, 92, 0, 16, 32, 48, 64, 68, 72, 76, 80, 84, 85, 88};

/* One record, padded with zeros up to the size we know. */
class raw_record {
public:
	raw_record(bytes record, std::size_t known_size) : data_(known_size, 0)
	{
		std::copy_n(record.begin(), std::min(record.size(), known_size), data_.begin());
	}

	std::uint8_t u8(std::size_t at) const { return load<std::uint8_t>(at); }
	std::uint32_t u32(std::size_t at) const { return load<std::uint32_t>(at); }
	std::uint64_t u64(std::size_t at) const { return load<std::uint64_t>(at); }
	std::uint16_t port(std::size_t at) const { return ntohs(load<std::uint16_t>(at)); }

	std::string address(ip family, std::size_t at) const
	{
		char text[INET6_ADDRSTRLEN] = "";
		if (family == ip::v4)
			::inet_ntop(AF_INET, &data_.at(at + 3) - 3, text, sizeof(text));
		else
			::inet_ntop(AF_INET6, &data_.at(at + 15) - 15, text, sizeof(text));
		return text;
	}

	/* A name that fills its field has no terminator: stop at the end of the field. */
	std::string name(std::size_t at, std::size_t size) const
	{
		auto first = data_.begin() + at;
		return std::string(first, std::find(first, first + size, 0));
	}

private:
	template <typename T>
	T load(std::size_t at) const
	{
		T value;
		std::memcpy(&value, &data_.at(at + sizeof(T) - 1) - (sizeof(T) - 1), sizeof(T));
		return value;
	}

	std::vector<std::uint8_t> data_;
};

struct counter_record {
	std::string name;
	std::uint64_t value;
};

struct connection_record {
	std::string local, remote, transport;
	std::uint64_t next_tx, next_rx;
	std::uint8_t flags, tos;
};

struct message_record {
	std::string local, remote;
	std::uint16_t local_port, remote_port;
	std::uint64_t seq;
	std::uint32_t len;
	std::uint8_t flags, tos;
};

struct socket_record {
	std::string bound, connected;
	std::uint16_t bound_port, connected_port;
	std::uint32_t sndbuf, rcvbuf;
	std::uint64_t inum;
};

struct tcp_record {
	std::string local, remote;
	std::uint16_t local_port, remote_port;
	std::uint64_t hdr_rem, data_rem;
	std::uint32_t sent_nxt, expect_una, seen_una;
	std::uint8_t tos;
};

struct rdma_record {
	std::string source, destination, source_gid, destination_gid;
	std::uint32_t send_wr, recv_wr, send_sge, mr_max, mr_size, cache_allocs;
	std::uint8_t tos, sl;
};

inline counter_record decode_counter(bytes record, const counter_layout &at = counter_fields)
{
	raw_record raw(record, at.size);
	return {raw.name(at.name, counter_name_size), raw.u64(at.value)};
}

inline connection_record decode_connection(bytes record, const connection_layout &at)
{
	raw_record raw(record, at.size);
	return {raw.address(at.family, at.laddr),
		raw.address(at.family, at.faddr),
		raw.name(at.transport, transport_name_size),
		raw.u64(at.next_tx),
		raw.u64(at.next_rx),
		raw.u8(at.flags),
		at.tos == none ? std::uint8_t{0} : raw.u8(at.tos)};
}

inline message_record decode_message(bytes record, const message_layout &at)
{
	raw_record raw(record, at.size);
	return {raw.address(at.family, at.laddr),
		raw.address(at.family, at.faddr),
		raw.port(at.lport),
		raw.port(at.fport),
		raw.u64(at.seq),
		raw.u32(at.len),
		raw.u8(at.flags),
		raw.u8(at.tos)};
}

inline socket_record decode_socket(bytes record, const socket_layout &at)
{
	raw_record raw(record, at.size);
	return {raw.address(at.family, at.bound),
		raw.address(at.family, at.connected),
		raw.port(at.bound_port),
		raw.port(at.connected_port),
		raw.u32(at.sndbuf),
		raw.u32(at.rcvbuf),
		raw.u64(at.inum)};
}

inline tcp_record decode_tcp(bytes record, const tcp_layout &at)
{
	raw_record raw(record, at.size);
	return {raw.address(at.family, at.laddr),
		raw.address(at.family, at.faddr),
		raw.port(at.lport),
		raw.port(at.fport),
		raw.u64(at.hdr_rem),
		raw.u64(at.data_rem),
		raw.u32(at.sent_nxt),
		raw.u32(at.expect_una),
		raw.u32(at.seen_una),
		at.tos == none ? std::uint8_t{0} : raw.u8(at.tos)};
}

inline rdma_record decode_rdma(bytes record, const rdma_layout &at)
{
	raw_record raw(record, at.size);
	return {raw.address(at.family, at.src),
		raw.address(at.family, at.dst),
		raw.address(ip::v6, at.src_gid),
		raw.address(ip::v6, at.dst_gid),
		raw.u32(at.send_wr),
		raw.u32(at.recv_wr),
		raw.u32(at.send_sge),
		raw.u32(at.mr_max),
		raw.u32(at.mr_size),
		raw.u32(at.cache_allocs),
		raw.u8(at.tos),
		raw.u8(at.sl)};
}

/* What one successful getsockopt() gave: whole records, each stride bytes long. */
struct snapshot {
	std::vector<std::uint8_t> data;
	std::size_t stride = 0;
};

/* Calls visit(bytes) for each whole record; a cut record at the end is left out. */
template <typename Visit>
void for_each_record(const snapshot &snap, Visit visit)
{
	if (!snap.stride)
		return;
	bytes all(snap.data);
	for (std::size_t at = 0; all.size() - at >= snap.stride; at += snap.stride)
		visit(all.subspan(at, snap.stride));
}

/* The lists, in the order in which they are printed: that of their letters in ASCII. */
struct info_list {
	char letter;
	const char *title, *key;
	int option4, option6;
};

constexpr std::array<info_list, 8> info_lists{{
	{'I', "RDS IB Connections:", "ib_connections", RDS_INFO_IB_CONNECTIONS,
	 RDS6_INFO_IB_CONNECTIONS},
	{'T', "TCP Connections:", "tcp_sockets", RDS_INFO_TCP_SOCKETS, RDS6_INFO_TCP_SOCKETS},
	{'c', "Counters:", "counters", RDS_INFO_COUNTERS, RDS_INFO_COUNTERS},
	{'k', "RDS Sockets:", "sockets", RDS_INFO_SOCKETS, RDS6_INFO_SOCKETS},
	{'n', "RDS Connections:", "connections", RDS_INFO_CONNECTIONS, RDS6_INFO_CONNECTIONS},
	{'r', "Receive Message Queue:", "receive_messages", RDS_INFO_RECV_MESSAGES,
	 RDS6_INFO_RECV_MESSAGES},
	{'s', "Send Message Queue:", "send_messages", RDS_INFO_SEND_MESSAGES,
	 RDS6_INFO_SEND_MESSAGES},
	{'t', "Retransmit Message Queue:", "retransmit_messages", RDS_INFO_RETRANS_MESSAGES,
	 RDS6_INFO_RETRANS_MESSAGES},
}};

} // namespace rds_tools

#endif
