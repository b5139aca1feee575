// SPDX-License-Identifier: GPL-2.0
/*
 * Addresses and lengths that an application may not give: each is refused, nothing is half done, nothing beyond what
 * was meant is read or written, and what fails again and again leaves nothing behind.
 */
#include <atomic>
#include <fstream>
#include <thread>

#include "faults.h"
#include "memory.h"
#include "trial.h"

namespace {

constexpr std::uintptr_t task_end = 0x7ffffffff000;

std::vector<void *> bad_addresses(const half_mapped &memory)
{
	std::vector<void *> all{nullptr, bad_pointer, memory.end(), memory.end() - 1};
	for (std::uintptr_t p :
	     {task_end - 1, task_end, std::uintptr_t{0x800000000000},
	      std::uintptr_t{0xffff888000000000}, std::uintptr_t{0xffffffff81000000},
	      ~std::uintptr_t{0} - 100, ~std::uintptr_t{0}})
		all.push_back(reinterpret_cast<void *>(p));
	return all;
}

void payload(trial &t)
{
	half_mapped memory;
	for (const endpoint &place : {ip("127.0.0.1"), t.set.tcp}) {
		sock r(place), s(place);
		endpoint name = r.name();
		t.is("a message", s.send(name, 4096), {4096});
		t.expect("it does not come", r.becomes(POLLIN));
		for (void *bad : bad_addresses(memory)) {
			char text[64];
			std::snprintf(text, sizeof(text), " at %p", bad);
			t.is(std::string("send") + text, s.send(name, bad, 4096, MSG_DONTWAIT),
			     {-EFAULT});
			t.is(std::string("recv") + text,
			     result_of(::recv(r.fd(), bad, 4096, MSG_DONTWAIT)), {-EFAULT});
			t.is(std::string("peek") + text,
			     result_of(::recv(r.fd(), bad, 4096, MSG_DONTWAIT | MSG_PEEK)),
			     {-EFAULT});
		}
		std::string got;
		t.is("the message is still there", r.receive(got, MSG_DONTWAIT), {4096});
		t.expect("something else came", r.empty());
	}
}

void name_length(trial &t)
{
	for (const char *address : {"127.0.0.1", "::1"}) {
		endpoint local = ip(address);
		sock r(local), s(local);
		auto receive = [&](const char *what, int flags, socklen_t wanted) {
			raw_address name(0, 0);
			char byte;
			name.bytes.fill(0xaa);
			message m(nullptr, &byte, 1);
			m.hdr.msg_name = name.bytes.data();
			m.hdr.msg_namelen = 128;
			long n = m.receive(r, flags);
			t.expect(std::string(what) + ": nothing received", n >= 0);
			t.is(std::string(what) + ": name length", m.hdr.msg_namelen, {wanted});
			for (std::size_t i = wanted; i < 128; i++)
				if (!t.is(std::string(what) + ": byte " + std::to_string(i),
					  name.bytes[i], {0xaa}))
					break;
		};
		s.send_text(r.name(), "x");
		receive("a message", 0, local.length());
		s.send(r.name(), nullptr, 0);
		receive("an empty message", 0, local.length());
		receive("MSG_OOB", MSG_OOB, 0);

		/* a congestion update has no name */
		sock crowded(local);
		crowded.set(SOL_SOCKET, SO_RCVBUF, 1);
		r.set(SOL_RDS, RDS_CONG_MONITOR, 1);
		long sent = 0;
		for (int i = 0; i < 600 && sent != -ENOBUFS; i++)
			sent = r.send(crowded.name(), 50000, MSG_DONTWAIT);
		if (sent != -ENOBUFS)
			continue;
		while (!crowded.empty())
			;
		if (r.becomes(POLLIN))
			receive("a congestion update", MSG_DONTWAIT, 0);
	}
}

/* Each file takes what it may, refuses the rest, and leaves the one beside it alone. */
void sysctls(trial &t)
{
	const std::string dir = "/proc/sys/net/rds/";
	const std::vector<std::string> names{"reconnect_min_delay_ms", "reconnect_max_delay_ms",
					     "max_unacked_packets", "max_unacked_bytes",
					     "ping_enable"};
	auto read = [&](const std::string &name) {
		std::string value;
		std::getline(std::ifstream(dir + name) >> std::ws, value);
		return value;
	};
	auto write = [&](const std::string &name, const std::string &value) {
		std::ofstream file(dir + name);
		file << value << std::flush;
		return file.good();
	};
	std::string zeros(100, '0');
	for (const auto &name : names) {
		std::vector<std::string> before;
		for (const auto &other : names)
			before.push_back(read(other));
		std::string old = read(name);
		for (const std::string &value :
		     std::vector<std::string>{"0", "-1", "2147483000", "2147483648", "4294967296",
					      "9223372036854775808", "18446744073709551616", "word",
					      zeros + "71"}) {
			write(name, value);
			std::string now = read(name);
			t.expect(name + " became " + now + " when " + value + " was written",
				 now == value || now == old || now == "71");
			write(name, old);
			for (std::size_t i = 0; i < names.size(); i++)
				t.expect("writing " + name + " changed " + names[i],
					 read(names[i]) == before[i]);
		}
	}
}

void trace_position(trial &t)
{
	sock s(ip("127.0.0.1")), to(ip("127.0.0.1"));
	auto set = [&](rds_rx_trace_so trace) {
		return result_of(::setsockopt(to.fd(), SOL_RDS, SO_RDS_MSG_RXPATH_LATENCY, &trace,
					      sizeof(trace)));
	};
	t.is("positions 0, 1, 2", set({3, {0, 1, 2}}), {0});
	for (int i = 3; i < 256; i++) {
		auto n = static_cast<std::uint8_t>(i);
		t.is("first position " + std::to_string(i), set({1, {n, 0, 0}}), {-EFAULT});
		t.is("last position " + std::to_string(i), set({3, {0, 1, n}}), {-EFAULT});
		if (i > 3)
			t.is("count " + std::to_string(i), set({n, {0, 1, 2}}), {-EFAULT});
	}
	s.send_text(to.name(), "x");
	char byte;
	message m(nullptr, &byte, 1);
	t.is("receiving", m.receive(to), {1});
	t.expect("a trace after it was refused", !m.find(SOL_RDS, RDS_CMSG_RXPATH_LATENCY));
}

/* Traces are durations within the life of the message, on loopback too. */
void trace_values(trial &t)
{
	sock s(ip("127.0.0.1")), to(ip("127.0.0.1"));
	rds_rx_trace_so trace{3, {0, 1, 2}};
	::setsockopt(to.fd(), SOL_RDS, SO_RDS_MSG_RXPATH_LATENCY, &trace, sizeof(trace));
	stopwatch watch;
	s.send_text(to.name(), "x");
	char byte;
	message m(nullptr, &byte, 1);
	t.is("receiving", m.receive(to), {1});
	auto most = static_cast<std::uint64_t>(watch.ms() + 1) * 1000000;
	const cmsghdr *c = m.find(SOL_RDS, RDS_CMSG_RXPATH_LATENCY);
	if (!t.expect("no trace", c && c->cmsg_len == CMSG_LEN(sizeof(rds_cmsg_rx_trace))))
		return;
	rds_cmsg_rx_trace got;
	std::memcpy(&got, CMSG_DATA(c), sizeof(got));
	for (int i = 0; i < 3; i++)
		t.expect("position " + std::to_string(i) + " is " +
				 std::to_string(got.rx_trace[i]) + " ns, the message lived " +
				 std::to_string(most),
			 got.rx_trace[i] <= most);
}

void control_fault(trial &t)
{
	sock r(ip("127.0.0.1")), s(ip("127.0.0.1"));
	r.set(SOL_SOCKET, SO_TIMESTAMP, 1);
	std::vector<std::uint8_t> buffer(32768);
	std::uint64_t times = t.set.times(400);
	comes_back(t, 8192, [&] {
		for (std::uint64_t i = 0; i < times; i++) {
			t.is("a message", s.send(r.name(), buffer.size(), 0), {32768});
			message m(nullptr, buffer.data(), buffer.size());
			m.hdr.msg_control = bad_pointer;
			m.hdr.msg_controllen = 512;
			t.is("receiving with a bad control buffer",
			     result_of(::recvmsg(r.fd(), &m.hdr, 0)), {-EFAULT});
			/* it is lost, or the next one again */
			::recv(r.fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
		}
	});
	t.expect("a message is left", r.empty());
}

/* Everything that may fail, again and again. */
void failing_sends(trial &t)
{
	sock s(t.set.tcp), fresh, preset;
	preset.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
	endpoint name = s.name(), nobody = t.set.nobody();
	std::vector<std::uint8_t> data(60000);
	half_mapped hole;
	std::uint64_t times = t.set.times(200), key = 77;
	comes_back(t, 8192, [&] {
		for (std::uint64_t i = 0; i < times; i++) {
			iovec half[] = {{data.data(), data.size()}, {hole.end(), 100}};
			message m(&nobody, data.data(), data.size());
			m.hdr.msg_iov = half;
			m.hdr.msg_iovlen = 2;
			t.is("payload with a hole", m.send(s, MSG_DONTWAIT), {-EFAULT});
			message unknown(&nobody, data.data(), data.size());
			unknown.add_control(SOL_RDS, RDS_CMSG_RDMA_DEST, &key, 8);
			t.is("unknown key", unknown.send(s, MSG_DONTWAIT), {-EINVAL});
			message short_one(&nobody, data.data(), data.size());
			short_one.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &key, 1);
			t.is("short cookie", short_one.send(s, MSG_DONTWAIT), {-EINVAL});
			t.is("unbound", fresh.send(name, data.data(), data.size()), {-ENOTCONN});
			t.is("preset", preset.send(name, data.data(), data.size()), {-ENOTCONN});
		}
	});
}

/* A socket's life, in which one allocation or one access to user memory fails; the next one's is as ever. */
void each_failure(trial &t)
{
	faults nth;
	if (!nth.available())
		t.skip("no fault injection");
	endpoint nobody = t.set.nobody();
	std::vector<std::uint8_t> data(20000);
	for (const endpoint &place : {t.set.tcp, ip("127.0.0.1"), ip("::1")}) {
		auto life = [&] {
			sock s(place), r(place);
			endpoint name = r.name();
			r.set(SOL_SOCKET, SO_TIMESTAMP, 1);
			s.set(SOL_RDS, RDS_CONG_MONITOR, 1);
			s.connect(name);
			s.send(name, data.data(), data.size(), MSG_DONTWAIT);
			s.send(place.family() == AF_INET ? nobody : name, data.data(), 9000,
			       MSG_DONTWAIT);
			s.send(place.with_port(0), nullptr, 0, MSG_DONTWAIT);
			message m(nullptr, data.data(), data.size());
			m.receive(r, MSG_DONTWAIT);
			for (int list :
			     {RDS_INFO_COUNTERS, RDS_INFO_SOCKETS, RDS6_INFO_SEND_MESSAGES}) {
				std::array<std::uint8_t, 4096> records;
				socklen_t len = records.size();
				::getsockopt(s.fd(), SOL_RDS, list, records.data(), &len);
			}
			::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, nobody.sa(),
				     nobody.length());
			return 0;
		};
		life();
		unsigned n = nth.each(life, [](int) {});
		t.note(std::to_string(n) + " failures on " + place.address_text());
		t.expect("nothing was injected", n > 10);
		sock s(place), r(place);
		t.is("a send after that", s.send_text(r.name(), "x"), {1});
		t.expect("it does not come", r.receives("x"));
	}
}

/* Every pointer of every call, everywhere it must not point. */
void everywhere(trial &t)
{
	half_mapped memory;
	sock r(t.set.tcp), s(t.set.tcp), fresh;
	endpoint name = r.name();
	int one = 1;
	for (void *bad : bad_addresses(memory)) {
		char where[64];
		std::snprintf(where, sizeof(where), " at %p", bad);
		std::string at = where;
		auto *sa = static_cast<sockaddr *>(bad);
		auto *len = static_cast<socklen_t *>(bad);
		socklen_t room = 4096;
		message m(&name, "x", 1);
		m.hdr.msg_control = bad;
		m.hdr.msg_controllen = 64;
		t.is("control data" + at, m.send(s, MSG_DONTWAIT), {-EFAULT});
		message n(&name, "x", 1);
		n.hdr.msg_name = bad;
		t.is("name" + at, n.send(s, MSG_DONTWAIT), {-EFAULT, bad ? -EFAULT : -ENOTCONN});
		n.hdr.msg_name = const_cast<sockaddr *>(name.sa());
		n.hdr.msg_iov = static_cast<iovec *>(bad);
		t.is("vector" + at, n.send(s, MSG_DONTWAIT), {-EFAULT});
		t.is("msghdr" + at, result_of(::sendmsg(s.fd(), static_cast<msghdr *>(bad), 0)),
		     {-EFAULT});
		t.is("bind" + at, result_of(::bind(fresh.fd(), sa, 16)), {-EFAULT});
		t.is("connect" + at, result_of(::connect(fresh.fd(), sa, 16)), {-EFAULT});
		t.is("getsockname" + at, result_of(::getsockname(s.fd(), sa, &(room = 16))),
		     {-EFAULT});
		t.is("getsockname, length" + at,
		     result_of(::getsockname(s.fd(), &*const_cast<sockaddr *>(name.sa()), len)),
		     {-EFAULT});
		for (int option : {RDS_RECVERR, RDS_CONG_MONITOR, SO_RDS_MSG_RXPATH_LATENCY})
			t.is("option " + std::to_string(option) + at,
			     result_of(::setsockopt(s.fd(), SOL_RDS, option, bad, 4)), {-EFAULT});
		t.is("SO_RDS_TRANSPORT" + at,
		     result_of(::setsockopt(fresh.fd(), SOL_RDS, SO_RDS_TRANSPORT, bad, 4)),
		     {-EFAULT});
		t.is("RDS_CANCEL_SENT_TO" + at,
		     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_CANCEL_SENT_TO, bad, 16)),
		     {-EFAULT});
		t.is("RDS_GET_MR" + at,
		     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_GET_MR, bad, 32)), {-EFAULT});
		t.is("RDS_FREE_MR" + at,
		     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_FREE_MR, bad, 16)), {-EFAULT});
		t.is("getsockopt" + at,
		     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_RECVERR, bad, &(room = 4))),
		     {-EFAULT});
		t.is("getsockopt, length" + at,
		     result_of(::getsockopt(s.fd(), SOL_RDS, RDS_RECVERR, &one, len)), {-EFAULT});
		t.is("information" + at,
		     result_of(
			     ::getsockopt(s.fd(), SOL_RDS, RDS_INFO_COUNTERS, bad, &(room = 8192))),
		     {-EAGAIN, -EINVAL});
	}
	t.expect("something was sent", r.empty());
	t.is("transport of the fresh socket", fresh.transport(), {-1});
}

/* getsockopt with a negative length writes nothing. */
void negative_length(trial &t)
{
	sock s;
	for (int option : {RDS_RECVERR, SO_RDS_TRANSPORT})
		for (int len : {-1, -2147483647 - 1, 0, 3}) {
			std::array<std::uint8_t, 64> buffer;
			buffer.fill(0xaa);
			auto length = static_cast<socklen_t>(len);
			t.is("option " + std::to_string(option) + ", length " + std::to_string(len),
			     result_of(
				     ::getsockopt(s.fd(), SOL_RDS, option, buffer.data(), &length)),
			     {-EINVAL});
			t.expect("something was written",
				 std::all_of(buffer.begin(), buffer.end(),
					     [](auto b) { return b == 0xaa; }));
		}
}

const listed these{
	{"user-addresses", "CVE-2010-3904", "payload to and from addresses of any kind", payload},
	{"name-length", "CVE-2012-3430", "length of the name", name_length},
	{"sysctl-width", "CVE-2015-2042", "width of the settings", sysctls},
	{"trace-position", "CVE-2024-23849, CVE-2024-26613", "latency trace position out of range",
	 trace_position},
	{"trace-values", "K7.5", "latencies on loopback are durations", trace_values},
	{"control-fault", "CVE-2021-47249", "control data cannot be written", control_fault},
	{"failing-sends", "S2.5.5", "failing sends leak", failing_sends},
	{"each-failure", "S2.5.5", "lack of memory at each place", each_failure, 90},
	{"every-pointer", "S3.1.9", "each pointer of each call", everywhere},
	{"negative-length", "K12.2", "negative length of an option", negative_length},
};

} // namespace
