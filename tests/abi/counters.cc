// SPDX-License-Identifier: GPL-2.0
/*
 * The counters: names, order, and what each call adds to them, on the loopback transport, where nothing else counts.
 */
#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "topics.h"

namespace {

const char *const core[] = {
	"conn_reset",
	"recv_drop_bad_checksum",
	"recv_drop_old_seq",
	"recv_drop_no_sock",
	"recv_drop_dead_sock",
	"recv_deliver_raced",
	"recv_delivered",
	"recv_queued",
	"recv_immediate_retry",
	"recv_delayed_retry",
	"recv_ack_required",
	"recv_rdma_bytes",
	"recv_ping",
	"send_queue_empty",
	"send_queue_full",
	"send_lock_contention",
	"send_lock_queue_raced",
	"send_immediate_retry",
	"send_delayed_retry",
	"send_drop_acked",
	"send_ack_required",
	"send_queued",
	"send_rdma",
	"send_rdma_bytes",
	"send_pong",
	"page_remainder_hit",
	"page_remainder_miss",
	"copy_to_user",
	"copy_from_user",
	"cong_update_queued",
	"cong_update_received",
	"cong_send_error",
	"cong_send_blocked",
	"recv_bytes_added_to_sock",
	"recv_bytes_freed_fromsock",
	"send_stuck_rm",
};

const char *const tcp[] = {
	"tcp_data_ready_calls", "tcp_write_space_calls",   "tcp_sndbuf_full",
	"tcp_connect_raced",	"tcp_listen_closed_stale",
};

struct counter {
	char name[32];
	std::uint64_t value;
};

std::vector<counter> read_counters()
{
	sock s;
	std::vector<counter> all(200);
	socklen_t len = static_cast<socklen_t>(all.size() * sizeof(counter));
	long stride = ::getsockopt(s.fd(), SOL_RDS, RDS_INFO_COUNTERS, all.data(), &len);
	all.resize(stride == sizeof(counter) ? len / sizeof(counter) : 0);
	return all;
}

std::map<std::string, std::uint64_t> values()
{
	std::map<std::string, std::uint64_t> all;
	for (const counter &c : read_counters())
		all[c.name] = c.value;
	return all;
}

void rows_names(tap &t)
{
	t.section("counters, names");
	auto all = read_counters();
	std::size_t at = 0;

	auto name = [&](std::size_t i) { return i < all.size() ? all[i].name : "none"; };
	for (const char *expected : core) {
		t.same("core " + std::to_string(at + 1), expected, name(at));
		at++;
	}
	while (at < all.size() && std::strcmp(all[at].name, tcp[0]))
		at++;
	for (std::size_t i = 0; i < std::size(tcp); i++)
		t.same("TCP " + std::to_string(i + 1), tcp[i], name(at + i));
	bool clean = true, unique = true;
	for (const counter &c : all) {
		const char *end = std::find(c.name, c.name + 32, '\0');
		clean &= end > c.name && end < c.name + 32 &&
			 std::all_of(end, c.name + 32, [](char b) { return !b; });
	}
	unique = values().size() == all.size();
	t.ok("names end, and zeros follow", clean);
	t.ok("no name twice", unique);
	t.ok("none is missing", all.size() >= std::size(core) + std::size(tcp));
}

/* What a call adds to these. */
template <typename Call>
void adds(tap &t, const std::string &name, std::vector<std::pair<const char *, long>> expected,
	  Call call)
{
	auto before = values();
	call();
	auto after = values();
	std::string want, got;
	for (const auto &[counter, value] : expected) {
		want += std::string(want.empty() ? "" : ", ") + counter + " " +
			std::to_string(value);
		got += std::string(got.empty() ? "" : ", ") + counter + " " +
		       std::to_string(after[counter] - before[counter]);
	}
	t.same(name, want, got);
}

void rows_calls(tap &t, const world &w)
{
	t.section("counters, calls");
	sock r(w.loop.at()), s(w.loop.at());
	endpoint name = r.name();
	std::string got;

	s.send(name, 1);
	r.receive(got);
	adds(t, "send",
	     {{"send_queued", 1},
	      {"copy_from_user", 100},
	      {"recv_queued", 1},
	      {"recv_delivered", 0},
	      {"recv_bytes_added_to_sock", 100},
	      {"recv_bytes_freed_fromsock", 0}},
	     [&] {
		     s.send(name, 100);
		     r.becomes(POLLIN);
	     });
	adds(t, "MSG_PEEK",
	     {{"recv_delivered", 1}, {"copy_to_user", 100}, {"recv_bytes_freed_fromsock", 0}},
	     [&] { r.receive(got, MSG_PEEK); });
	adds(t, "receive",
	     {{"recv_delivered", 1}, {"copy_to_user", 100}, {"recv_bytes_freed_fromsock", 100}},
	     [&] { r.receive(got); });
	s.send(name, 100);
	adds(t, "receive, cut",
	     {{"recv_delivered", 1}, {"copy_to_user", 30}, {"recv_bytes_freed_fromsock", 100}},
	     [&] { r.receive(got, 0, 30); });
	adds(t, "an empty message",
	     {{"send_queued", 1}, {"recv_queued", 1}, {"recv_delivered", 1}, {"copy_to_user", 0}},
	     [&] {
		     s.send(name, 0);
		     r.receive(got);
	     });
	adds(t, "nobody bound", {{"send_queued", 1}, {"recv_queued", 0}, {"recv_drop_no_sock", 1}},
	     [&] { s.send(w.loop.at(64999), 1); });
	adds(t, "ping",
	     {{"send_queued", 2}, {"recv_ping", 1}, {"send_pong", 1}, {"recv_queued", 1}}, [&] {
		     s.send(w.loop.at(0), 1);
		     s.receive(got);
	     });
	adds(t, "refused sends", {{"send_queued", 0}, {"recv_queued", 0}}, [&] {
		s.send(name, 1 << 21);
		s.send(name, bad_pointer, 10);
		s.send(name, 1, MSG_OOB);
	});
	rds_iovec vec{reinterpret_cast<std::uint64_t>(&name), 8};
	rds_rdma_args args{};
	args.remote_vec.bytes = 8;
	args.local_vec_addr = reinterpret_cast<std::uint64_t>(&vec);
	args.nr_local = 1;
	adds(t, "an RDMA request that is refused", {{"send_queued", 0}, {"send_rdma", 1}}, [&] {
		message m(&name, "x", 1);
		m.add_control(SOL_RDS, RDS_CMSG_RDMA_ARGS, &args, sizeof(args));
		m.send(s);
	});
	s.send(name, 70);
	adds(t, "closed with a message unread", {{"recv_bytes_freed_fromsock", 70}},
	     [&] { r.close(); });
}

void rows_pressure(tap &t, const world &w)
{
	t.section("counters, pressure");
	sock r(w.near), s(w.near), full(w.near);
	endpoint name = r.name();
	std::string got;

	fill(s, name);
	adds(t, "congested", {{"cong_send_error", 1}, {"send_queued", 0}},
	     [&] { s.send(name, 1); });
	adds(t, "congested, blocking", {{"cong_send_error", 0}, {"cong_send_blocked", 1}}, [&] {
		background sender([&] { return s.send(name, 1, 0); });
		sender.await_sleep();
		while (r.receive(got, MSG_DONTWAIT) >= 0)
			;
		sender.result();
	});
	for (int i = 0; i < 13; i++)
		full.send(w.nobody.with_port(4000), 8192);
	adds(t, "no send space", {{"send_queue_full", 1}, {"send_queued", 0}},
	     [&] { full.send(w.nobody.with_port(4000), 1); });
	auto all = values();
	t.is("never counted, send_drop_acked", 0, static_cast<long>(all["send_drop_acked"]));
	t.is("nothing of RDMA, send_rdma_bytes", 0, static_cast<long>(all["send_rdma_bytes"]));
	t.is("nothing of RDMA, recv_rdma_bytes", 0, static_cast<long>(all["recv_rdma_bytes"]));
}

} // namespace

void topic_counters(tap &t, const world &w)
{
	rows_names(t);
	rows_calls(t, w);
	rows_pressure(t, w);
	t.section("counters");
	t.skip("InfiniBand", "no RDMA device here");
}
