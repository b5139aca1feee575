// SPDX-License-Identifier: GPL-2.0
/*
 * rds-records: reads every RDS_INFO_* list of records into a poisoned buffer and holds each byte against what may be
 * there: no name's tail, padding or flag is left as it was, or shows what was in the kernel's memory before.
 * Prints how many records each list had. Single-threaded.
 */
#include <arpa/inet.h>

#include <cinttypes>
#include <cstddef>
#include <functional>
#include <map>

#include "arguments.h"
#include "rds_socket.h"

namespace {

constexpr char usage[] = "usage: rds-records --address ADDRESS [--address ADDRESS...]\n"
			 "  --address ADDRESS  one that a record may name; others are wrong\n"
			 "exit:  0 if every byte is right, 1 if not\n";

using bytes = std::span<const std::uint8_t>;

/* The addresses that may appear, as the 16 bytes of a record. */
std::vector<std::array<std::uint8_t, 16>> known;
unsigned wrong = 0;

void complain(int list, std::size_t at, const char *field, bytes record)
{
	std::printf("list %d, record %zu: %s is wrong:", list, at, field);
	for (std::uint8_t b : record)
		std::printf(" %02x", b);
	std::printf("\n");
	wrong++;
}

bool is_zero(bytes b)
{
	return std::all_of(b.begin(), b.end(), [](std::uint8_t v) { return !v; });
}

bool known6(bytes b)
{
	return std::any_of(known.begin(), known.end(), [&](const auto &a) {
		return std::equal(b.begin(), b.end(), a.begin());
	});
}

bool known4(bytes b)
{
	std::array<std::uint8_t, 16> mapped{};
	mapped[10] = mapped[11] = 0xff;
	std::copy(b.begin(), b.end(), mapped.begin() + 12);
	return known6(mapped);
}

bool address(bytes b)
{
	return b.size() == 4 ? known4(b) : known6(b);
}

bool address_or_none(bytes b)
{
	return is_zero(b) || address(b);
}

/* What is left after the NUL of a name is zero, and there is a name. */
bool name(bytes b)
{
	auto end = std::find(b.begin(), b.end(), 0);
	return end != b.begin() && end != b.end() && is_zero({end, b.end()}) &&
	       std::all_of(b.begin(), end, [](std::uint8_t c) {
		       return c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
	       });
}

bool transport(bytes b)
{
	std::string text(reinterpret_cast<const char *>(b.data()));
	return name(b) && (text == "tcp" || text == "loopback");
}

std::uint64_t host_order(bytes b)
{
	std::uint64_t value = 0;
	std::memcpy(&value, b.data(), b.size());
	return value;
}

template <std::uint64_t most>
bool at_most(bytes b)
{
	return host_order(b) <= most;
}

bool anything(bytes)
{
	return true;
}

struct field {
	const char *name;
	std::size_t size;
	bool (*right)(bytes);
};

/* Numbers of these tests are far below what stray bytes would make of them. */
constexpr auto sequence = at_most<std::uint64_t{1} << 32>;
constexpr auto length = at_most<1 << 20>;
constexpr auto limit = at_most<1 << 28>;
constexpr auto inode = at_most<(std::uint64_t{1} << 32) - 1>;
constexpr auto state = at_most<7>;

std::vector<field> connection(std::size_t size)
{
	std::vector<field> all{{"next_tx_seq", 8, sequence}, {"next_rx_seq", 8, sequence},
			       {"laddr", size, address},     {"faddr", size, address},
			       {"transport", 16, transport}, {"flags", 1, state}};
	if (size == 4)
		all.push_back({"tos", 1, is_zero});
	return all;
}

std::vector<field> message(std::size_t size)
{
	return {{"seq", 8, sequence},	  {"len", 4, length},	  {"laddr", size, address},
		{"faddr", size, address}, {"lport", 2, anything}, {"fport", 2, anything},
		{"flags", 1, is_zero},	  {"tos", 1, is_zero}};
}

std::vector<field> socket(std::size_t size)
{
	return {{"sndbuf", 4, limit},
		{"bound_addr", size, address_or_none},
		{"connected_addr", size, address_or_none},
		{"bound_port", 2, anything},
		{"connected_port", 2, anything},
		{"rcvbuf", 4, limit},
		{"inum", 8, inode}};
}

std::vector<field> tcp(std::size_t size)
{
	std::vector<field> all{{"local_addr", size, address},  {"local_port", 2, anything},
			       {"peer_addr", size, address},   {"peer_port", 2, anything},
			       {"hdr_rem", 8, at_most<48>},    {"data_rem", 8, length},
			       {"last_sent_nxt", 4, anything}, {"last_expected_una", 4, anything},
			       {"last_seen_una", 4, anything}};
	if (size == 4)
		all.push_back({"tos", 1, is_zero});
	return all;
}

const std::map<int, std::vector<field>> lists{
	{RDS_INFO_COUNTERS, {{"name", 32, name}, {"value", 8, anything}}},
	{RDS_INFO_CONNECTIONS, connection(4)},
	{RDS_INFO_SEND_MESSAGES, message(4)},
	{RDS_INFO_RETRANS_MESSAGES, message(4)},
	{RDS_INFO_RECV_MESSAGES, message(4)},
	{RDS_INFO_SOCKETS, socket(4)},
	{RDS_INFO_TCP_SOCKETS, tcp(4)},
	{RDS6_INFO_CONNECTIONS, connection(16)},
	{RDS6_INFO_SEND_MESSAGES, message(16)},
	{RDS6_INFO_RETRANS_MESSAGES, message(16)},
	{RDS6_INFO_RECV_MESSAGES, message(16)},
	{RDS6_INFO_SOCKETS, socket(16)},
	{RDS6_INFO_TCP_SOCKETS, tcp(16)},
};

void check(int list, std::size_t at, const std::vector<field> &fields, bytes record)
{
	for (const field &f : fields) {
		if (!f.right(record.first(f.size)))
			complain(list, at, f.name, record);
		record = record.subspan(f.size);
	}
	if (!record.empty())
		complain(list, at, "the size", record);
}

void read_list(const rds_socket &s, int list, const std::vector<field> &fields)
{
	constexpr std::uint8_t poison = 0xa5;
	std::vector<std::uint8_t> buffer(1 << 21, poison);
	socklen_t len = static_cast<socklen_t>(buffer.size());
	std::size_t size = 0, at = 0;

	for (const field &f : fields)
		size += f.size;
	int stride = ::getsockopt(s.fd(), SOL_RDS, list, buffer.data(), &len);
	if (stride != static_cast<int>(size) || len % size)
		die("list " + std::to_string(list) + " has records of " + std::to_string(stride));
	for (; at < len / size; at++)
		check(list, at, fields, bytes(buffer).subspan(at * size, size));
	if (std::any_of(buffer.begin() + len, buffer.end(), [](auto b) { return b != poison; }))
		complain(list, at, "what is behind the last", {});
	std::printf("list %d: %zu records\n", list, at);
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	while (auto ep = args.address("--address")) {
		std::array<std::uint8_t, 16> a{};
		if (ep->family() == AF_INET)
			::inet_pton(AF_INET6, ("::ffff:" + ep->address_text()).c_str(), a.data());
		else
			::inet_pton(AF_INET6, ep->address_text().c_str(), a.data());
		known.push_back(a);
	}
	args.finish();
	if (known.empty())
		args.fail("--address is needed");

	rds_socket s;
	for (const auto &[list, fields] : lists)
		read_list(s, list, fields);
	return wrong ? 1 : 0;
}
