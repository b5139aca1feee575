// SPDX-License-Identifier: GPL-2.0
/*
 * The lists as rds-info prints them: an empty line, the title, a header, one line for each record.
 * Scripts parse these lines by column, so widths and header words are fixed. Pure functions.
 */
#ifndef RDS_TOOLS_INFO_FORMAT_H
#define RDS_TOOLS_INFO_FORMAT_H

#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <string>

#include "info_records.h"

namespace rds_tools {

__attribute__((format(printf, 1, 2))) inline std::string text_of(const char *format, ...)
{
	std::va_list args, again;

	va_start(args, format);
	va_copy(again, args);
	int len = std::vsnprintf(nullptr, 0, format, args);
	va_end(args);

	std::string out(len > 0 ? static_cast<std::size_t>(len) : 0, '\0');
	std::vsnprintf(out.data(), out.size() + 1, format, again);
	va_end(again);
	return out;
}

/* IPv4 fits in 15 columns, IPv6 in 39; minimum widths both. */
inline int address_width(ip family)
{
	return family == ip::v4 ? 15 : 39;
}

/* s sending, c connecting, C connected, E error; the last is set by Oracle kernels only. */
inline std::string flag_letters(std::uint8_t flags)
{
	constexpr std::uint8_t error_flag = 0x08;
	std::string text = "----";

	if (flags & RDS_INFO_CONNECTION_FLAG_SENDING)
		text[0] = 's';
	if (flags & RDS_INFO_CONNECTION_FLAG_CONNECTING)
		text[1] = 'c';
	if (flags & RDS_INFO_CONNECTION_FLAG_CONNECTED)
		text[2] = 'C';
	if (flags & error_flag)
		text[3] = 'E';
	return text;
}

inline std::string format_counters(const snapshot &snap)
{
	std::string out = text_of("%25s %16s\n", "CounterName", "Value");

	for_each_record(snap, [&](bytes record) {
		auto counter = decode_counter(record);
		out += text_of("%25s %16" PRIu64 "\n", counter.name.c_str(), counter.value);
	});
	return out;
}

inline std::string format_sockets(const snapshot &snap, ip family)
{
	const auto &layout = family == ip::v4 ? socket4 : socket6;
	int width = address_width(family);
	std::string out = text_of("%*s %5s %*s %5s %10s %10s %8s\n", width, "BoundAddr", "BPort",
				  width, "ConnAddr", "CPort", "SndBuf", "RcvBuf", "Inode");

	for_each_record(snap, [&](bytes record) {
		auto socket = decode_socket(record, layout);
		out += text_of("%*s %5u %*s %5u %10u %10u %8" PRIu64 "\n", width,
			       socket.bound.c_str(), socket.bound_port, width,
			       socket.connected.c_str(), socket.connected_port, socket.sndbuf,
			       socket.rcvbuf, socket.inum);
	});
	return out;
}

/* The IPv6 records have no type of service, so that list has no such column. */
inline std::string format_connections(const snapshot &snap, ip family)
{
	const auto &layout = family == ip::v4 ? connection4 : connection6;
	int width = address_width(family);
	std::string out = text_of("%*s %*s ", width, "LocalAddr", width, "RemoteAddr");

	if (layout.tos != none)
		out += text_of("%4s ", "Tos");
	out += text_of("%16s %16s %4s\n", "NextTX", "NextRX", "Flgs");

	for_each_record(snap, [&](bytes record) {
		auto conn = decode_connection(record, layout);
		out += text_of("%*s %*s ", width, conn.local.c_str(), width, conn.remote.c_str());
		if (layout.tos != none)
			out += text_of("%4u ", conn.tos);
		out += text_of("%16" PRIu64 " %16" PRIu64 " %s\n", conn.next_tx, conn.next_rx,
			       flag_letters(conn.flags).c_str());
	});
	return out;
}

inline std::string format_messages(const snapshot &snap, ip family)
{
	const auto &layout = family == ip::v4 ? message4 : message6;
	int width = address_width(family);
	std::string out = text_of("%*s %5s %*s %5s %4s %16s %10s\n", width, "LocalAddr", "LPort",
				  width, "RemoteAddr", "RPort", "Tos", "Seq", "Bytes");

	for_each_record(snap, [&](bytes record) {
		auto message = decode_message(record, layout);
		out += text_of("%*s %5u %*s %5u %4u %16" PRIu64 " %10u\n", width,
			       message.local.c_str(), message.local_port, width,
			       message.remote.c_str(), message.remote_port, message.tos,
			       message.seq, message.len);
	});
	return out;
}

inline std::string format_tcp(const snapshot &snap, ip family)
{
	const auto &layout = family == ip::v4 ? tcp4 : tcp6;
	int width = address_width(family);
	std::string out = text_of("%*s %5s %*s %5s %10s %10s %10s %10s %10s\n", width, "LocalAddr",
				  "LPort", width, "RemoteAddr", "RPort", "HdrRemain", "DataRemain",
				  "SentNxt", "ExpectUna", "SeenUna");

	for_each_record(snap, [&](bytes record) {
		auto tcp = decode_tcp(record, layout);
		out += text_of("%*s %5u %*s %5u %10" PRIu64 " %10" PRIu64 " %10u %10u %10u\n",
			       width, tcp.local.c_str(), tcp.local_port, width, tcp.remote.c_str(),
			       tcp.remote_port, tcp.hdr_rem, tcp.data_rem, tcp.sent_nxt,
			       tcp.expect_una, tcp.seen_una);
	});
	return out;
}

inline std::string format_rdma(const snapshot &snap, ip family, bool verbose)
{
	const auto &layout = family == ip::v4 ? rdma4 : rdma6;
	int width = address_width(family);
	std::string out = text_of("%*s %*s %4s %3s %32s %32s\n", width, "LocalAddr", width,
				  "RemoteAddr", "Tos", "SL", "LocalDev", "RemoteDev");

	for_each_record(snap, [&](bytes record) {
		auto conn = decode_rdma(record, layout);
		out += text_of("%*s %*s %4u %3u %32s %32s", width, conn.source.c_str(), width,
			       conn.destination.c_str(), conn.tos, conn.sl, conn.source_gid.c_str(),
			       conn.destination_gid.c_str());
		if (verbose)
			out += text_of("  send_wr=%u, recv_wr=%u, send_sge=%u, rdma_mr_max=%u, "
				       "rdma_mr_size=%u, cache_allocs=%u",
				       conn.send_wr, conn.recv_wr, conn.send_sge, conn.mr_max,
				       conn.mr_size, conn.cache_allocs);
		out += '\n';
	});
	return out;
}

/* Header and records. */
inline std::string format_records(const info_list &list, const snapshot &snap, ip family,
				  bool verbose)
{
	switch (list.letter) {
	case 'c':
		return format_counters(snap);
	case 'k':
		return format_sockets(snap, family);
	case 'n':
		return format_connections(snap, family);
	case 'T':
		return format_tcp(snap, family);
	case 'I':
		return format_rdma(snap, family, verbose);
	default:
		return format_messages(snap, family);
	}
}

/* One list with its empty line and title; an empty snapshot gives title and header only. */
inline std::string format_list(const info_list &list, const snapshot &snap, ip family, bool verbose)
{
	return std::string("\n") + list.title + "\n" + format_records(list, snap, family, verbose);
}

} // namespace rds_tools

#endif
