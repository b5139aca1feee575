// SPDX-License-Identifier: GPL-2.0
/*
 * The lists as JSON, for programs: the names of lists and fields are an interface, like the
 * columns of the text. Every list is an array of objects; the IPv6 lists have the same names. Pure
 * functions.
 */
#ifndef RDS_TOOLS_INFO_JSON_H
#define RDS_TOOLS_INFO_JSON_H

#include <nlohmann/json.hpp>

#include "info_records.h"

namespace rds_tools {

/* Keeps the fields in the order in which they are written here. */
using json = nlohmann::ordered_json;

inline json json_of(const counter_record &counter)
{
	return {{"name", counter.name}, {"value", counter.value}};
}

inline json json_of(const connection_record &conn, const connection_layout &layout)
{
	json out{{"local_address", conn.local}, {"remote_address", conn.remote},
		 {"transport", conn.transport}, {"next_tx_seq", conn.next_tx},
		 {"next_rx_seq", conn.next_rx}, {"flags", conn.flags}};

	out["sending"] = !!(conn.flags & RDS_INFO_CONNECTION_FLAG_SENDING);
	out["connecting"] = !!(conn.flags & RDS_INFO_CONNECTION_FLAG_CONNECTING);
	out["connected"] = !!(conn.flags & RDS_INFO_CONNECTION_FLAG_CONNECTED);
	if (layout.tos != none)
		out["tos"] = conn.tos;
	return out;
}

inline json json_of(const message_record &message)
{
	return {{"local_address", message.local},   {"local_port", message.local_port},
		{"remote_address", message.remote}, {"remote_port", message.remote_port},
		{"sequence", message.seq},	    {"bytes", message.len},
		{"flags", message.flags},	    {"tos", message.tos}};
}

inline json json_of(const socket_record &socket)
{
	return {{"bound_address", socket.bound},
		{"bound_port", socket.bound_port},
		{"connected_address", socket.connected},
		{"connected_port", socket.connected_port},
		{"sndbuf", socket.sndbuf},
		{"rcvbuf", socket.rcvbuf},
		{"inode", socket.inum}};
}

inline json json_of(const tcp_record &tcp, const tcp_layout &layout)
{
	json out{{"local_address", tcp.local},	    {"local_port", tcp.local_port},
		 {"remote_address", tcp.remote},    {"remote_port", tcp.remote_port},
		 {"header_remaining", tcp.hdr_rem}, {"data_remaining", tcp.data_rem},
		 {"last_sent_nxt", tcp.sent_nxt},   {"last_expected_una", tcp.expect_una},
		 {"last_seen_una", tcp.seen_una}};

	if (layout.tos != none)
		out["tos"] = tcp.tos;
	return out;
}

inline json json_of(const rdma_record &conn)
{
	return {{"source_address", conn.source},
		{"destination_address", conn.destination},
		{"source_gid", conn.source_gid},
		{"destination_gid", conn.destination_gid},
		{"tos", conn.tos},
		{"sl", conn.sl},
		{"max_send_wr", conn.send_wr},
		{"max_recv_wr", conn.recv_wr},
		{"max_send_sge", conn.send_sge},
		{"rdma_mr_max", conn.mr_max},
		{"rdma_mr_size", conn.mr_size},
		{"cache_allocs", conn.cache_allocs}};
}

inline json json_record(char letter, bytes record, ip family)
{
	bool v4 = family == ip::v4;

	switch (letter) {
	case 'c':
		return json_of(decode_counter(record));
	case 'k':
		return json_of(decode_socket(record, v4 ? socket4 : socket6));
	case 'n': {
		const auto &layout = v4 ? connection4 : connection6;
		return json_of(decode_connection(record, layout), layout);
	}
	case 'T': {
		const auto &layout = v4 ? tcp4 : tcp6;
		return json_of(decode_tcp(record, layout), layout);
	}
	case 'I':
		return json_of(decode_rdma(record, v4 ? rdma4 : rdma6));
	default:
		return json_of(decode_message(record, v4 ? message4 : message6));
	}
}

inline json json_list(const info_list &list, const snapshot &snap, ip family)
{
	json out = json::array();

	for_each_record(snap, [&](bytes record) {
		out.push_back(json_record(list.letter, record, family));
	});
	return out;
}

/* Names that came from the kernel are not promised to be UTF-8: replace rather than throw. */
inline std::string json_text(const json &value)
{
	return value.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

/* The same on one line, for readers that take an object a line. */
inline std::string json_line(const json &value)
{
	return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

} // namespace rds_tools

#endif
