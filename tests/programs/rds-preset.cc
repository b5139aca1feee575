// SPDX-License-Identifier: GPL-2.0
/*
 * rds-preset: chooses a socket's transport with SO_RDS_TRANSPORT, which loads its module if need be, and
 * prints what the kernel says. For the VM scenarios about installed modules. Single-threaded.
 */
#include <linux/rds.h>

#include "arguments.h"
#include "rds_socket.h"

int main(int argc, char **argv)
{
	arguments args(argc, argv,
		       "usage: rds-preset --transport N    (0 RDMA, 2 TCP)\n"
		       "exit:  0 if the socket has the transport, 1 if not\n");
	int wanted = static_cast<int>(args.number("--transport", RDS_TRANS_TCP, 1000));
	args.finish();

	rds_socket socket;
	if (::setsockopt(socket.fd(), SOL_RDS, SO_RDS_TRANSPORT, &wanted, sizeof(wanted)))
		die("setsockopt SO_RDS_TRANSPORT");
	int got = socket.option(SOL_RDS, SO_RDS_TRANSPORT, "getsockopt SO_RDS_TRANSPORT");
	std::printf("transport %d\n", got);
	return got == wanted ? 0 : 1;
}
