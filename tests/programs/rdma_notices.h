// SPDX-License-Identifier: GPL-2.0
/* Rows of rds-rdma about notifications: who is told what, when, once; how they are read. */
#ifndef TESTS_PROGRAMS_RDMA_NOTICES_H
#define TESTS_PROGRAMS_RDMA_NOTICES_H

#include <sys/wait.h>

#include "rdma_operations.h"

inline long cancel(const sock &s, const endpoint &to)
{
	return option(s, RDS_CANCEL_SENT_TO, to.sa(), to.length());
}

/* Nothing comes, now that everything has ended. */
inline bool silence(sock &s)
{
	return idle() && take_notices(s, 4096, MSG_DONTWAIT).empty();
}

/* Loses the connections, and keeps them down for a scope. */
class disconnected {
public:
	disconnected()
	{
		set_parameter("no_connect", 1);
		set_parameter("drop", 1);
	}
	disconnected(const disconnected &) = delete;
	~disconnected() { set_parameter("no_connect", 0); }
};

inline void rows_reading(tap &t)
{
	t.section("reading notifications");
	couple p;
	pages local(1), remote(1);
	std::uint64_t cookie = p.region(remote);
	constexpr std::size_t each = CMSG_SPACE(sizeof(rds_rdma_notify));
	std::uint64_t next = 0;
	auto make = [&](int nr) { /* so many are there */
				  for (int i = 0; i < nr; i++)
					  rdma(cookie, local.addr(), 8, to_peer, next++)
						  .send(p.a, p.at_b);
				  return idle();
	};
	auto tokens = [](const std::vector<notice> &got, std::uint64_t first, std::size_t nr) {
		bool good = got.size() == nr;
		for (std::size_t i = 0; good && i < nr; i++)
			good = got[i] == notice{first + i, RDS_RDMA_SUCCESS};
		return good;
	};

	t.is("space", 32, static_cast<long>(each));
	make(10);
	t.ok("poll", p.a.poll(POLLIN | POLLRDNORM) == (POLLIN | POLLRDNORM));
	t.ok("room for three and a bit", tokens(take_notices(p.a, 3 * each + 31), 0, 3));
	t.ok("room for one", tokens(take_notices(p.a, each), 3, 1));
	t.ok("MSG_PEEK takes it", tokens(take_notices(p.a, each, MSG_PEEK), 4, 1));
	t.ok("room for all", tokens(take_notices(p.a), 5, 5));
	t.ok("no more", take_notices(p.a, 4096, MSG_DONTWAIT).empty());

	next = 0;
	make(4);
	message none(nullptr, nullptr, 0);
	none.hdr.msg_control = nullptr;
	t.is("no control buffer", 0, result_of(::recvmsg(p.a.fd(), &none.hdr, 0)));
	t.ok("no control buffer: cut", none.hdr.msg_flags == MSG_CTRUNC);
	message small(nullptr, nullptr, 0);
	small.hdr.msg_controllen = 20;
	t.is("small control buffer", 0, result_of(::recvmsg(p.a.fd(), &small.hdr, 0)));
	t.ok("small control buffer: cut", small.hdr.msg_flags == MSG_CTRUNC);
	t.ok("each cost one", tokens(take_notices(p.a), 2, 2));

	next = 0;
	make(3);
	half_mapped memory;
	message broken(nullptr, nullptr, 0);
	broken.hdr.msg_control = memory.end() - each;
	broken.hdr.msg_controllen = 3 * each;
	t.is("control buffer ends", -EFAULT, result_of(::recvmsg(p.a.fd(), &broken.hdr, 0)));
	t.ok("control buffer ends: what was not written is put back",
	     tokens(take_notices(p.a), 1, 2));

	next = 0;
	p.b.send_text(p.at_a, "data");
	make(1);
	t.ok("before data", eventually([&] { return p.a.poll(POLLIN) & POLLIN; }) &&
				    tokens(take_notices(p.a), 0, 1));
	t.ok("then data", p.a.receives("data"));

	set_parameter("hold", hold_wire);
	next = 0;
	rdma(cookie, local.addr(), 8, to_peer, 0).send(p.a, p.at_b);
	std::vector<notice> got;
	std::thread reader([&] { got = take_notices(p.a); });
	::usleep(20000);
	set_parameter("hold", 0);
	reader.join();
	t.ok("a sleeping reader is woken", tokens(got, 0, 1));
}

inline void rows_statuses(tap &t)
{
	t.section("statuses");
	couple p;
	pages local(1), remote(1);
	std::uint64_t cookie = p.region(remote);
	rds_atomic_args atomic{};
	atomic.cookie = cookie;
	atomic.local_addr = local.addr();
	atomic.flags = RDS_RDMA_NOTIFY_ME;
	atomic.user_token = 9;
	auto fadd = [&] { return send_control(p.a, p.at_b, RDS_CMSG_ATOMIC_FADD, atomic); };

	rdma wanted(cookie, local.addr(), 8, to_peer, 1), quiet(cookie, local.addr(), 8, 1, 2);
	rdma bad(cookie + 1, local.addr(), 8, to_peer, 3),
		bad_quiet(cookie + 1, local.addr(), 8, 1, 4);
	wanted.send(p.a, p.at_b);
	t.ok("0: done", told(p.a, 1, RDS_RDMA_SUCCESS));
	quiet.send(p.a, p.at_b);
	t.ok("nobody asked", silence(p.a));
	bad.send(p.a, p.at_b);
	t.ok("1: no such key", told(p.a, 3, RDS_RDMA_REMOTE_ERROR));
	{
		parameter other("status", RDS_RDMA_OTHER_ERROR, -1);
		wanted.send(p.a, p.at_b);
		t.ok("4: any other error", told(p.a, 1, RDS_RDMA_OTHER_ERROR));
		fadd();
		t.ok("4: of an atomic", told(p.a, 9, RDS_RDMA_OTHER_ERROR));
	}
	bad_quiet.send(p.a, p.at_b);
	t.ok("an error that nobody asked about", silence(p.a));

	p.a.set(SOL_RDS, RDS_RECVERR, 1);
	quiet.send(p.a, p.at_b);
	t.ok("RECVERR: not when all is well", silence(p.a));
	bad_quiet.send(p.a, p.at_b);
	t.ok("RECVERR: the error breaks the connection, that is told",
	     told(p.a, 4, RDS_RDMA_DROPPED));
	atomic.cookie = cookie + 1;
	atomic.flags = 0;
	fadd();
	t.ok("RECVERR: of an atomic (30)", told(p.a, 9, RDS_RDMA_DROPPED));
	p.a.set(SOL_RDS, RDS_RECVERR, 0);
	fadd();
	t.ok("without RECVERR: nothing", silence(p.a));
	atomic.cookie = cookie;
	atomic.flags = RDS_RDMA_NOTIFY_ME;

	/* 3 */
	set_parameter("hold", hold_wire);
	wanted.send(p.a, p.at_b, "lost");
	fadd();
	p.a.send_text(p.at_b, "kept");
	{
		disconnected down;
		set_parameter("hold", 0);
		t.ok("nothing is said while the connection is down",
		     take_notices(p.a, 4096, MSG_DONTWAIT).empty());
	}
	t.ok("3: lost with the connection", told(p.a, 1, RDS_RDMA_DROPPED));
	t.ok("3: an atomic, too, and it is not done twice", told(p.a, 9, RDS_RDMA_DROPPED));
	std::string first;
	do
		p.b.receive(first);
	while (first.empty());
	t.ok("3: the payload is lost, other messages are not", first == "kept");
	t.ok("no more", silence(p.a));
	{
		disconnected down;
		wanted.send(p.a, p.at_b, "after");
	}
	t.ok("what was never tried is done on the next connection",
	     told(p.a, 1, RDS_RDMA_SUCCESS) && p.arrives("after"));

	/* 25 */
	set_parameter("hold", hold_completions);
	wanted.send(p.a, p.at_b, "acked");
	t.ok("acknowledged before it has completed", told(p.a, 1, RDS_RDMA_SUCCESS));
	set_parameter("hold", 0);
	t.ok("and told once", silence(p.a));
	set_parameter("hold", hold_completions);
	fadd();
	p.a.send_text(p.at_b, "then");
	t.ok("an atomic's result is not here yet when its message is acknowledged (25)",
	     p.arrives("then") && eventually([] {
		     return !list_length(RDS_INFO_RETRANS_MESSAGES);
	     }) && take_notices(p.a, 4096, MSG_DONTWAIT).empty());
	set_parameter("hold", 0);
	t.ok("an atomic is told when it is (25)", told(p.a, 9, RDS_RDMA_SUCCESS));
	set_parameter("hold", hold_completions);
	fadd();
	p.a.send_text(p.at_b, "then");
	p.arrives("then");
	eventually([] { return !list_length(RDS_INFO_RETRANS_MESSAGES); });
	{
		disconnected down;
		set_parameter("hold", 0);
	}
	t.ok("an atomic whose result was lost is told, too (25)", told(p.a, 9, RDS_RDMA_DROPPED));

	for (int err : {EAGAIN, ENOMEM}) {
		fail_hook("xmit_rdma", 1, err);
		wanted.send(p.a, p.at_b);
		t.ok("xmit_rdma: " + result_text(-err), told(p.a, 1, RDS_RDMA_SUCCESS));
		fail_hook("xmit_atomic", 1, err);
		fadd();
		t.ok("xmit_atomic: " + result_text(-err), told(p.a, 9, RDS_RDMA_SUCCESS));
		fail_hook("xmit", 1, err);
		wanted.send(p.a, p.at_b);
		t.ok("xmit: " + result_text(-err), told(p.a, 1, RDS_RDMA_SUCCESS));
	}
	fail_hook("xmit_rdma", 1, EIO);
	wanted.send(p.a, p.at_b);
	t.ok("xmit_rdma: EIO", told(p.a, 1, RDS_RDMA_DROPPED));
}

inline void rows_silent(tap &t)
{
	t.section("silent");
	couple p;
	pages local(1), remote(1);
	std::uint64_t cookie = p.region(remote);
	constexpr std::uint64_t quietly = RDS_RDMA_SILENT;

	rdma op(cookie, local.addr(), 8, to_peer | quietly, 1);
	op.send(p.a, p.at_b);
	t.ok("told without further sends (26)", told(p.a, 1, RDS_RDMA_SUCCESS));
	t.ok("it leaves by itself (27)", idle());
	p.a.set(SOL_RDS, RDS_RECVERR, 1);
	rdma unasked(cookie, local.addr(), 8, RDS_RDMA_READWRITE | quietly, 2);
	unasked.send(p.a, p.at_b);
	idle();
	{
		disconnected down;
	}
	p.a.send_text(p.at_b, "after");
	t.ok("no message of it", p.b.receives("after"));
	t.ok("not dropped when it was done (27)", silence(p.a));
	op.send(p.a, p.at_b, "data");
	t.ok("with data it is a message", p.b.receives("data") && told(p.a, 1, RDS_RDMA_SUCCESS));
	set_parameter("hold", hold_wire);
	op.send(p.a, p.at_b);
	{
		disconnected down;
		set_parameter("hold", 0);
	}
	t.ok("lost with the connection", told(p.a, 1, RDS_RDMA_DROPPED));
}

/* @f in a process of its own. */
template <typename F>
pid_t in_child(F f)
{
	std::fflush(stdout);
	pid_t pid = ::fork();
	if (!pid) {
		f();
		::_exit(0);
	}
	return pid;
}

inline bool ends(pid_t pid)
{
	return eventually([&] { return ::waitpid(pid, nullptr, WNOHANG) == pid; });
}

/* Asleep in a wait that only a fatal signal ends. */
inline bool sleeps(pid_t pid)
{
	return eventually([&] {
		std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
		auto end = stat.rfind(") ");
		return end != stat.npos && stat[end + 2] == 'D';
	});
}

inline void rows_cancel(tap &t)
{
	t.section("cancel and close");
	couple p;
	pages local(1), remote(1);
	std::uint64_t cookie = p.region(remote);
	rdma op(cookie, local.addr(), 8, to_peer, 1), quiet(cookie, local.addr(), 8, 1, 2);
	{
		disconnected down;
		op.send(p.a, p.at_b);
		quiet.send(p.a, p.at_b);
		t.is("cancel", 0, cancel(p.a, p.at_b));
		t.ok("2: cancelled", told(p.a, 1, RDS_RDMA_CANCELED));
		t.ok("only who asked", take_notices(p.a, 4096, MSG_DONTWAIT).empty());
		t.is("cancel again", 0, cancel(p.a, p.at_b));
	}
	t.ok("told once", silence(p.a));
	set_parameter("hold", hold_wire);
	op.send(p.a, p.at_b);
	{
		disconnected down;
		cancel(p.a, p.at_b);
		set_parameter("hold", 0);
	}
	t.ok("cancelled after the connection was lost", told(p.a, 1, RDS_RDMA_CANCELED));
	p.a.send_text(p.at_b, "x");
	t.ok("and not dropped afterwards", p.arrives("x") && silence(p.a));

	/* what the transport has is waited for; what it says first counts */
	set_parameter("hold", hold_wire);
	op.send(p.a, p.at_b);
	eventually([] { return counter("operations") == 1; });
	std::atomic<bool> back{false};
	std::thread canceller([&] {
		cancel(p.a, p.at_b);
		back = true;
	});
	::usleep(50000);
	t.ok("cancel waits for what is under way", !back);
	set_parameter("hold", 0);
	canceller.join();
	t.ok("told what became of it", told(p.a, 1, RDS_RDMA_SUCCESS) && silence(p.a));

	set_parameter("hold", hold_wire);
	op.send(p.a, p.at_b);
	eventually([] { return counter("operations") == 1; });
	pid_t pid = in_child([&] { cancel(p.a, p.at_b); });
	t.ok("cancel sleeps", sleeps(pid));
	::kill(pid, SIGKILL);
	t.ok("cancel can be killed", ends(pid));
	set_parameter("hold", 0);
	t.ok("killed: the memory comes back", idle());
	(void)take_notices(p.a, 4096, MSG_DONTWAIT);

	set_parameter("hold", hold_wire);
	pid = in_child([&] {
		sock own(ip("10.96.0.1"));
		op.send(own, p.at_b);
		own.close();
	});
	t.ok("close sleeps", sleeps(pid));
	::kill(pid, SIGKILL);
	t.ok("close can be killed", ends(pid));
	pid = in_child([&] {
		sock own(ip("10.96.0.1"));
		op.send(own, p.at_b);
		::_exit(0);
	});
	t.ok("a process that ends does not wait", ends(pid));
	pid = in_child([&] {
		sock own(ip("10.96.0.1"));
		op.send(own, p.at_b);
		own.close();
	});
	t.ok("close sleeps, again", sleeps(pid));
	set_parameter("drop", 1);
	t.ok("and is woken when the connection is lost (31)", ends(pid));
	set_parameter("hold", 0);
	t.ok("nothing is left", idle());
}

#endif
