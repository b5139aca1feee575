// SPDX-License-Identifier: GPL-2.0
/*
 * rds-hoard: an unprivileged user who queues as much as the kernel lets him, for destinations that never answer,
 * and keeps it until he is killed. Tells what was accepted and what was refused. Single-threaded, never blocks.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cinttypes>
#include <cstring>
#include <deque>

#include "arguments.h"
#include "rds_socket.h"
#include "tap.h"

namespace {

constexpr char usage[] =
	"usage: rds-hoard peers --bind ADDRESS --to ADDRESS [--count N] [--user U]\n"
	"       rds-hoard messages --bind ADDRESS --to ADDRESS [--count N] [--size N] [--cancel]\n"
	"       rds-hoard unread --bind ADDRESS\n"
	"  peers           one byte for each of N IPv4 addresses, beginning with --to\n"
	"  messages        N messages from one socket to one address\n"
	"  unread          what comes to port 4000; nothing is read\n"
	"  --count N       how many are offered (10000)\n"
	"  --size N        bytes in each message (0)\n"
	"  --user U        user id to work as\n"
	"  --cancel        the messages again, RDS_CANCEL_SENT_TO\n"
	"exit:  1 for an error that is neither ENOMEM, EAGAIN nor ENOBUFS; else it stays\n";

constexpr std::uint16_t port = 4000;

/* The sockets of one local address; a full one gets a successor. */
class sender {
public:
	explicit sender(const endpoint &local) : local_(local) { more(); }

	int send(const endpoint &to, std::size_t size)
	{
		static const std::vector<std::uint8_t> zeros(max_message);
		return all_.back().try_send(to, {zeros.data(), size}, MSG_DONTWAIT);
	}
	void cancel(const endpoint &to)
	{
		if (::setsockopt(all_.back().fd(), SOL_RDS, RDS_CANCEL_SENT_TO, to.sa(),
				 to.length()))
			die("RDS_CANCEL_SENT_TO");
	}
	void more()
	{
		all_.emplace_back();
		all_.back().bind(local_);
	}

private:
	endpoint local_;
	std::deque<rds_socket> all_;
};

endpoint nth(const endpoint &first, std::uint64_t i)
{
	sockaddr_in in;
	endpoint out = first;

	std::memcpy(&in, first.sa(), sizeof(in));
	in.sin_addr.s_addr = htonl(ntohl(in.sin_addr.s_addr) + static_cast<std::uint32_t>(i));
	std::memcpy(out.sa(), &in, sizeof(in));
	return out;
}

struct tally {
	std::uint64_t accepted = 0, refused = 0;
	int err = 0;

	void count(int result, const endpoint &to)
	{
		if (!result) {
			accepted++;
			return;
		}
		if (result != ENOMEM && result != EAGAIN && result != ENOBUFS)
			die("sendto " + to.text(), result);
		refused++;
		err = result;
	}
};

tally hoard_peers(sender &from, const endpoint &first, std::uint64_t count)
{
	tally sum;
	for (std::uint64_t i = 0; i < count; i++) {
		endpoint to = nth(first, i);
		int result = from.send(to, 1);
		if (result == EAGAIN) {
			from.more();
			result = from.send(to, 1);
		}
		sum.count(result, to);
	}
	return sum;
}

tally hoard_messages(sender &from, const endpoint &to, std::uint64_t count, std::size_t size)
{
	tally sum;
	for (std::uint64_t i = 0; i < count; i++)
		sum.count(from.send(to, size), to);
	return sum;
}

[[noreturn]] void hold()
{
	std::fflush(stdout);
	for (;;)
		::pause();
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	std::string what = args.command();
	auto local = args.address("--bind"), to = args.address("--to");
	std::uint64_t count = args.number("--count", 10000);
	std::size_t size = args.number("--size", 0, max_message);
	auto user = static_cast<uid_t>(args.number("--user", ::getuid(), 65535));
	bool cancel = args.flag("--cancel");
	args.finish();
	if (local && what == "unread") {
		rds_socket s;
		s.bind(local->with_port(port));
		std::puts("hoard");
		hold();
	}
	if (!local || !to || to->family() != AF_INET)
		args.fail("--bind and --to are needed, of IPv4");
	if (what != "peers" && what != "messages")
		args.fail("what is " + what + "?");

	if (::setuid(user))
		die("setuid");

	sender from(*local);
	endpoint first = to->with_port(port);
	tally sum = what == "peers" ? hoard_peers(from, first, count)
				    : hoard_messages(from, first, count, size);
	if (cancel)
		from.cancel(first);
	std::printf("hoard accepted=%" PRIu64 " refused=%" PRIu64 " errno=%s\n", sum.accepted,
		    sum.refused, result_text(-sum.err).c_str());
	hold();
}
