// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving: what each call delivers and in which order, waiting, flags, read and its kin.
 */
#include <fcntl.h>
#include <sys/uio.h>

#include <cstring>
#include <string>

#include "topics.h"

namespace {

void rows_receive(tap &t, const place &p)
{
	t.section("receive, " + p.name);
	sock r(p.at()), s(p.at()), fresh;
	std::string got;

	t.is("unbound, MSG_DONTWAIT", -EAGAIN, fresh.receive(got, MSG_DONTWAIT));
	t.is("bound, MSG_DONTWAIT", -EAGAIN, r.receive(got, MSG_DONTWAIT));
	{
		stopwatch watch;
		r.set_timeout(SO_RCVTIMEO, 200);
		t.is("SO_RCVTIMEO", -ETIMEDOUT, r.receive(got));
		t.ok("... not before", watch.ms() >= 190);
		fresh.set_timeout(SO_RCVTIMEO, 50);
		t.is("SO_RCVTIMEO, unbound", -ETIMEDOUT, fresh.receive(got));
		r.set_timeout(SO_RCVTIMEO, patience(5000));
	}
	{
		deadline guard(200);
		t.is("signal", -EINTR, r.receive(got));
	}
	{
		deadline guard(50, true);
		stopwatch watch;
		r.set_timeout(SO_RCVTIMEO, 80);
		/* The timer's period is longer than the timeout, so one restart ends in silence. */
		t.is("signal, SA_RESTART", -ETIMEDOUT, r.receive(got));
		t.ok("... starts again with the whole time", watch.ms() >= 120);
		r.set_timeout(SO_RCVTIMEO, patience(5000));
	}
	int flags = ::fcntl(r.fd(), F_GETFL);
	::fcntl(r.fd(), F_SETFL, flags | O_NONBLOCK);
	t.is("O_NONBLOCK", -EAGAIN, r.receive(got));
	::fcntl(r.fd(), F_SETFL, flags);

	raw_address name(0, 0);
	message oob(nullptr, bad_pointer, 1);
	oob.hdr.msg_name = name.bytes.data();
	oob.hdr.msg_namelen = 128;
	t.is("MSG_OOB", 0, oob.receive(r, MSG_OOB));
	t.is("... without a name", 0, oob.hdr.msg_namelen);
	t.is("MSG_ERRQUEUE", -EAGAIN, r.receive(got, MSG_ERRQUEUE));

	s.send_text(r.name(), "waitall");
	t.is("MSG_WAITALL, NOSIGNAL, CMSG_CLOEXEC are ignored", 7,
	     r.receive(got, MSG_WAITALL | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC));
	s.send_text(r.name(), "read");
	char buffer[16];
	t.is("read of length 0", 0, result_of(::read(r.fd(), buffer, 0)));
	t.is("read", 4, result_of(::read(r.fd(), buffer, sizeof(buffer))));
	s.send_text(r.name(), "readv");
	iovec iov[2] = {{buffer, 2}, {buffer + 2, 14}};
	t.is("readv", 5, result_of(::readv(r.fd(), iov, 2)));
	t.ok("... in order", !std::memcmp(buffer, "readv", 5));
	s.send_text(r.name(), "zero");
	t.is("recv of length 0", 0, result_of(::recv(r.fd(), buffer, 0, 0)));
	t.ok("... takes the message", r.empty());

	s.send_text(r.name(), "one");
	s.send_text(r.name(), "second");
	mmsghdr two[3]{};
	iovec space[3];
	char rooms[3][8];
	for (int i = 0; i < 3; i++) {
		space[i] = {rooms[i], 8};
		two[i].msg_hdr.msg_iov = &space[i];
		two[i].msg_hdr.msg_iovlen = 1;
	}
	/* The second may still be on its way: one call or two. */
	int n = ::recvmmsg(r.fd(), two, 3, MSG_WAITFORONE, nullptr);
	if (n == 1)
		n += ::recvmmsg(r.fd(), two + 1, 2, MSG_WAITFORONE, nullptr);
	t.is("recvmmsg", 2, n);
	t.is("... first length", 3, two[0].msg_len);
	t.is("... second length", 6, two[1].msg_len);

	int pipes[2];
	if (::pipe(pipes))
		return t.skip("splice", "no pipe");
	s.send_text(r.name(), "splice");
	t.is("splice from the socket", 6,
	     result_of(::splice(r.fd(), nullptr, pipes[1], nullptr, 100, 0)));
	::close(pipes[0]);
	::close(pipes[1]);
}

/* A reader that sleeps is woken by a message; of several, each message wakes one. */
void rows_woken(tap &t, const place &p)
{
	t.section("receive, woken, " + p.name);
	sock r(p.at()), s(p.at());
	auto read = [&] {
		std::string got;
		return r.receive(got);
	};
	background first(read), second(read);

	first.await_sleep();
	second.await_sleep();
	s.send(r.name(), 3);
	s.send(r.name(), 5);
	t.is("two readers get two messages", 8, first.result() + second.result());
	t.ok("nothing is left", r.empty());
}

} // namespace

void topic_receive(tap &t, const world &w)
{
	on_each_place(t, w, [](tap &tt, const place &p) {
		rows_receive(tt, p);
		rows_woken(tt, p);
	});
	t.section("receive");
	t.skip("RDMA completions come first", "no transport here has RDMA; kunit does");
}
