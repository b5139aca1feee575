// SPDX-License-Identifier: GPL-2.0
/*
 * Zero-copy sends that fail: half-way through the pages, after them, or at each allocation. Whatever happened, nothing
 * stays pinned or charged, and no page lost a reference that was somebody else's. Needs a TCP address of this machine
 * and one where nobody answers, so that messages stay queued until they are cancelled.
 */
#include <atomic>
#include <thread>

#include "faults.h"
#include "memory.h"
#include "trial.h"
#include "zcopy.h"

namespace {

/* The user may lock exactly what one send of so many bytes is charged: one fits, a second does not. */
void charge_is_exact(trial &t, const endpoint &local, const endpoint &to, std::size_t bytes)
{
	file_pages memory(bytes / page_size);
	sock s = zcopy_socket(local);

	t.is("a send that fits the limit exactly", zcopy_send(s, to, memory.start(), bytes),
	     {static_cast<long>(bytes)});
	t.is("a second one", zcopy_send(s, to, memory.start(), bytes), {-ENOMEM});
	t.is("cancelling", cancel(s, to), {0});
	t.expect("no completion after cancelling", zcopy_await(s, 1).size() == 1);
	t.is("a send after that", zcopy_send(s, to, memory.start(), bytes),
	     {static_cast<long>(bytes)});
	t.is("cancelling", cancel(s, to), {0});
	t.expect("no completion after cancelling", zcopy_await(s, 1).size() == 1);
	t.expect("pages stay referenced after a good send", memory.unreferenced());
}

/* Every position of the hole in sends of several sizes. */
void holes(trial &t, const sock &s, const endpoint &to)
{
	for (std::size_t pages : {2, 3, 8, 15, 16, 17, 25}) {
		file_pages memory(pages);
		long wrong = 0;
		for (std::size_t hole = 0; hole < pages; hole++) {
			memory.forbid(hole);
			long r = zcopy_send(s, to, memory.start() + 100, memory.size() - 200);
			wrong = r == -EFAULT ? wrong : r;
			memory.allow(hole);
		}
		std::string text = " in a send of " + std::to_string(pages) + " pages";
		t.is("a hole" + text, wrong, {0});
		t.expect("contents changed" + text, memory.unchanged());
		if (!t.expect("pages stay referenced" + text, memory.unreferenced()))
			return;
	}
}

/* Pages of a program that others run: the page cache that an attacker is after. */
void shared_file(trial &t, const sock &s, const endpoint &to, std::uint64_t times)
{
	int fd = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	std::vector<std::uint8_t> before(page_size), after(page_size);
	auto *base = static_cast<std::uint8_t *>(
		::mmap(nullptr, 2 * page_size, PROT_READ, MAP_SHARED, fd, 0));
	::mprotect(base + page_size, page_size, PROT_NONE);
	t.expect("cannot read the program", ::pread(fd, before.data(), page_size, 0) == 4096);

	long wrong = 0;
	for (std::uint64_t i = 0; i < times; i++) {
		long r = zcopy_send(s, to, base, 2 * page_size);
		wrong = r == -EFAULT ? wrong : r;
	}
	t.is("two pages, the second forbidden", wrong, {0});

	/* whoever got the page by mistake writes to it now */
	std::vector<std::uint8_t> grab(t.set.slow() ? 4 << 20 : 64 << 20, 0xee);
	t.expect("cannot read the program", ::pread(fd, after.data(), page_size, 0) == 4096);
	t.expect("the page of the program has changed", before == after);
	t.expect("the mapping shows something else", !std::memcmp(base, before.data(), page_size));
	::munmap(base, 2 * page_size);
	::close(fd);
}

/* Each allocation and each access to user memory fails in turn. */
void each_failure(trial &t, faults &nth, const endpoint &local, const endpoint &to)
{
	if (!nth.available())
		return t.note("no fault injection");
	file_pages memory(2);
	sock s = zcopy_socket(local);
	unsigned n = nth.each(
		[&] { return zcopy_send(s, to, memory.start(), memory.size()); },
		[&](long r) {
			if (r < 0) {
				t.is("an injected failure", r, {-ENOMEM, -EFAULT, -ENOBUFS});
				return;
			}
			cancel(s, to);
			t.expect("no completion after an injected failure",
				 zcopy_await(s, 1).size() == 1);
		});
	t.expect("nothing was injected", n > 0);
	t.expect("contents changed by injected failures", memory.unchanged());
	t.expect("pages stay referenced after injected failures", memory.unreferenced());
	t.note(std::to_string(n) + " injected failures");
}

void pintheft(trial &t)
{
	std::uint64_t times = t.set.times(10000);
	rlimit two{zcopy_charge(2 * page_size) * page_size,
		   zcopy_charge(2 * page_size) * page_size};
	faults nth;
	become_user(zcopy_charge(25 * page_size));

	sock s = zcopy_socket(t.set.tcp);
	holes(t, s, t.set.nobody());
	if (t.failed())
		return;
	::setrlimit(RLIMIT_MEMLOCK, &two);
	shared_file(t, s, t.set.nobody(), times);
	each_failure(t, nth, t.set.tcp, t.set.nobody());
	charge_is_exact(t, t.set.tcp, t.set.nobody(), 2 * page_size);
	t.note(std::to_string(times) + " half pinned sends left nothing");
}

/* The pages are pinned, and then the call fails. */
void late_failure(trial &t)
{
	endpoint nobody = t.set.nobody();
	sock congested(t.set.tcp);
	congested.set(SOL_SOCKET, SO_RCVBUF, 1);
	sock plain(t.set.tcp);
	endpoint crowded = congested.name();
	long r = 0;
	for (int i = 0; i < 1000 && r != -ENOBUFS; i++)
		r = plain.send(crowded, 2000, MSG_DONTWAIT);
	t.is("the way to congestion", r, {-ENOBUFS});

	become_user(zcopy_charge(2 * page_size));
	file_pages memory(2);
	sock s = zcopy_socket(t.set.tcp), full = zcopy_socket(t.set.tcp);
	while ((r = full.send(nobody, 8192, MSG_DONTWAIT)) > 0)
		;
	t.is("the way to a full buffer", r, {-EAGAIN});

	std::uint32_t cookie = 1;
	std::uint64_t key = 0x1234;
	rds_get_mr_args mr{{reinterpret_cast<std::uint64_t>(memory.start()), page_size}, 8, 0};
	auto with = [&](int type, const void *data, std::size_t len, bool first) {
		message m(&nobody, memory.start(), memory.size());
		if (first)
			m.add_control(SOL_RDS, type, data, len);
		m.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, sizeof(cookie));
		if (!first)
			m.add_control(SOL_RDS, type, data, len);
		return m.send(s, MSG_ZEROCOPY | MSG_DONTWAIT);
	};

	for (std::uint64_t i = 0; i < t.set.times(200); i++) {
		for (bool first : {false, true}) {
			t.is("unknown control message", with(99, &key, 8, first), {-EINVAL});
			t.is("unknown key to announce", with(RDS_CMSG_RDMA_DEST, &key, 8, first),
			     {-EINVAL});
			t.is("memory to announce", with(RDS_CMSG_RDMA_MAP, &mr, sizeof(mr), first),
			     {-EOPNOTSUPP});
			t.is("short key", with(RDS_CMSG_RDMA_DEST, &key, 4, first), {-EINVAL});
		}
		/* there is room for one cookie */
		t.is("a second cookie", with(RDS_CMSG_ZCOPY_COOKIE, &cookie, 4, false),
		     {-EINVAL, 8192});
		cancel(s, nobody);
		while (!zcopy_reap(s).empty())
			;
		t.is("congested port", zcopy_send(s, crowded, memory.start(), memory.size()),
		     {-ENOBUFS});
		t.is("full buffer", zcopy_send(full, nobody, memory.start(), memory.size()),
		     {-EAGAIN});
	}
	t.expect("contents changed", memory.unchanged());
	t.expect("pages stay referenced", memory.unreferenced());
	cancel(full, nobody);
	charge_is_exact(t, t.set.tcp, nobody, 2 * page_size);
	t.note("failures after pinning left nothing");
}

/* Completions into an empty queue, one by one, and taken while others come. */
void empty_queue(trial &t)
{
	endpoint nobody = t.set.nobody();
	file_pages memory(1);
	sock s = zcopy_socket(t.set.tcp);

	for (std::uint32_t i = 0; i < t.set.times(500); i++) {
		t.is("a send", zcopy_send(s, nobody, memory.start(), page_size, i), {4096});
		cancel(s, nobody);
		auto all = zcopy_await(s, 1);
		if (!t.expect("the completion is not that of the send",
			      all.size() == 1 && all[0] == i))
			return;
	}

	std::atomic<bool> done = false;
	std::atomic<std::size_t> reaped = 0;
	std::size_t sent = 0;
	std::jthread reader([&] {
		while (!done)
			reaped += zcopy_reap(s).size();
	});
	for (std::uint64_t i = 0; i < t.set.times(2000); i++) {
		sent += zcopy_send(s, nobody, memory.start(), page_size) > 0;
		if (i % 3 == 0)
			cancel(s, nobody);
	}
	cancel(s, nobody);
	stopwatch watch;
	while (reaped < sent && watch.ms() < 10000)
		::usleep(1000);
	done = true;
	reader.join();
	t.expect(std::to_string(sent) + " sends, " + std::to_string(reaped) + " completions",
		 sent > 0 && reaped == sent);
	t.expect("pages stay referenced", memory.unreferenced());
	t.note(std::to_string(sent) + " completions, each once");
}

/* The limit is the user's, over all his sockets; and it is ENOMEM. */
void memlock(trial &t)
{
	endpoint nobody = t.set.nobody();
	become_user(10);
	file_pages memory(2);
	sock one = zcopy_socket(t.set.tcp), two = zcopy_socket(t.set.tcp);

	t.is("4 of 10 pages", zcopy_send(one, nobody, memory.start(), 8192), {8192});
	t.is("8 of 10 pages", zcopy_send(two, nobody, memory.start(), 8192), {8192});
	t.is("12 of 10 pages", zcopy_send(one, nobody, memory.start(), 8192), {-ENOMEM});
	t.is("12 of 10 pages, bad memory", zcopy_send(one, nobody, bad_pointer, 8192), {-ENOMEM});
	two.close();
	one.close();
	sock again = zcopy_socket(t.set.tcp);
	/* what was being sent goes back a moment later */
	stopwatch watch;
	long r;
	while ((r = zcopy_send(again, nobody, memory.start(), 8192)) == -ENOMEM &&
	       watch.ms() < 10000)
		::usleep(10000);
	t.is("after close", r, {8192});
	cancel(again, nobody);
	t.expect("pages stay referenced", memory.unreferenced());
	t.note("pinned pages are charged to the user");
}

/* Few bytes, but of many pages: each piece lies across a border. */
void small_pieces(trial &t)
{
	endpoint nobody = t.set.nobody();
	become_user(10);
	file_pages memory(2);
	sock s = zcopy_socket(t.set.tcp);
	std::uint32_t cookie = 1;
	std::array<iovec, 8> pieces;
	auto border = static_cast<std::uint8_t *>(memory.start()) + page_size - 1;
	pieces.fill({border, 2});
	message m(&nobody, border, 2);
	m.hdr.msg_iov = pieces.data();
	m.hdr.msg_iovlen = pieces.size();
	m.add_control(SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, sizeof(cookie));
	t.is("16 of 10 pages", m.send(s, MSG_ZEROCOPY | MSG_DONTWAIT), {-ENOMEM});
	m.hdr.msg_iovlen = 5;
	t.is("10 of 10 pages", m.send(s, MSG_ZEROCOPY | MSG_DONTWAIT), {10});
	cancel(s, nobody);
	t.note("each page that is touched is charged");
}

/* A completion need not wake a reader who waits for a message, but must be there afterwards, or end his wait. */
void blocked_reader(trial &t)
{
	file_pages memory(1);
	sock s = zcopy_socket(t.set.tcp);
	std::uint8_t byte;

	s.set_timeout(SO_RCVTIMEO, 1000);
	t.is("a send", zcopy_send(s, t.set.nobody(), memory.start(), 4096, 7), {4096});
	std::jthread later([&] { cancel(s, t.set.nobody()); });
	message m(nullptr, &byte, 1);
	long r = m.receive(s);
	t.is("a blocking read", r, {0, -ETIMEDOUT});
	std::size_t left = r == 0 ? m.find(SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION) != nullptr
				  : zcopy_await(s, 1).size();
	t.expect("the completion is not there", left == 1);
	t.note(r == 0 ? "is woken" : "is not woken");
}

/* Comes on the ordinary way of receiving, not through the error queue. */
void not_error_queue(trial &t)
{
	file_pages memory(1);
	sock s = zcopy_socket(t.set.tcp);
	std::string got;

	t.is("a send", zcopy_send(s, t.set.nobody(), memory.start(), 4096, 9), {4096});
	cancel(s, t.set.nobody());
	t.expect("no POLLIN", s.becomes(POLLIN));
	t.is("POLLERR", s.poll() & POLLERR, {0});
	t.is("MSG_ERRQUEUE", s.receive(got, MSG_ERRQUEUE | MSG_DONTWAIT), {-EAGAIN});
	auto all = zcopy_await(s, 1);
	t.expect("not received as a control message", all.size() == 1 && all[0] == 9);
}

const listed these{
	{"pintheft", "CVE-2026-43494", "zero-copy pinning fails half-way", pintheft, 60},
	{"zcopy-late-failure", "CVE-2026-43502", "zero-copy send fails after pinning",
	 late_failure},
	{"zcopy-empty-queue", "CVE-2023-1078", "completion while none is queued", empty_queue},
	{"zcopy-memlock", "S3.1.7", "pinned pages without end", memlock},
	{"zcopy-pieces", "S3.1.7a", "pinned pages of many small pieces", small_pieces},
	{"zcopy-reader", "K18.8", "completion and a blocking reader", blocked_reader},
	{"zcopy-receive", "K17.12", "completions are not in the error queue", not_error_queue},
};

} // namespace
