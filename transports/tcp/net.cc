// SPDX-License-Identifier: GPL-2.0
/*
 * One network namespace: its listener, and the worker that takes connections from it. Started and
 * stopped by netns.c.
 */
#include "rds/wire.h"
#include "tcp.h"

namespace {

/* Connections that one run of the worker takes; others want the CPU, too. */
constexpr unsigned int accept_batch = 64;

/*
 * Listeners stand before the core knows the transport. Who connects by then waits in TCP's queue;
 * the core would refuse him.
 */
bool open_for_all = false;

void welcome(struct net *net, void *)
{
	if (rds_tcp_net *tn = rds_tcp_net_of(net))
		tn->accept_work.queue();
}

} // namespace

rds_tcp_net::rds_tcp_net(struct net *n)
    : net(n),
      accept_work(kernel::work_thunk<&rds_tcp_net::accept_work, &rds_tcp_net::accept_run>::call,
		  KERNEL_WORK_TCP_ACCEPT)
{}

int rds_tcp_net::start()
{
	return ksock_listen(net, RDS_TCP_PORT, this, &listener);
}

/*
 * In the order of what feeds what: no more news of connections, nobody who accepts, no listener,
 * then the connections themselves.
 */
void rds_tcp_net::stop()
{
	ksock_listen_mute(listener);
	accept_work.cancel();
	ksock_abort(listener);
	rds_conn_destroy_net(&rds_tcp_transport, net);
}

/* Context: A, from the listener's upcall. */
extern "C" void rds_tcp_listen_ready(void *user)
{
	static_cast<rds_tcp_net *>(user)->accept_work.queue();
}

/**
 * accept_run - take what has arrived
 * One connection that fails says nothing about those behind it. Context: W.
 */
void rds_tcp_net::accept_run()
{
	if (!kernel::load_acquire(open_for_all))
		return;
	for (unsigned int i = 0; i < accept_batch; i++) {
		int err = accept_one();
		if (err == -EAGAIN || err == -EINVAL) /* EINVAL: somebody closed the listener */
			return;
		if (err == -ENOMEM || err == -ENOBUFS || err == -ENFILE) {
			accept_work.queue(TICKS_PER_SECOND / 10);
			return;
		}
	}
	accept_work.queue();
}

/* Return: 0; -EAGAIN: no more; -ENOMEM and its like: later; others concern this one only. */
int rds_tcp_net::accept_one()
{
	socket *s = nullptr;
	int err = ksock_accept(listener, &s);

	if (!err)
		accepted(s);
	return err;
}

/* Whoever may not be a peer (address of this host, too many of them) is reset. */
void rds_tcp_net::accepted(socket *s)
{
	ksock_names names;

	ksock_get_names(s, &names);
	conn_ref ref(rds_conn_accept(net, &names.laddr, &names.faddr, &rds_tcp_transport, 0,
				     names.if_index));
	if (!ref) {
		ksock_abort(s);
		return;
	}
	u16 port = kernel::be16::from_raw(names.fport).host();
	if (ref.get()->c_larger)
		offered(ref.get(), s, port);
	else
		knocked(ref.get(), s);
}

void rds_tcp_open_for_all()
{
	kernel::store_release(open_for_all, true);
	kernel_net_each(welcome, nullptr);
}

extern "C" int rds_tcp_net_start(struct net *net, rds_tcp_net **out)
{
	auto *tn = kernel::make<rds_tcp_net>(kernel::gfp_kernel, net);

	if (!tn)
		return -ENOMEM;
	/* before the first connection can be accepted */
	*out = tn;
	int err = tn->start();
	if (err) {
		tn->accept_work.cancel();
		*out = nullptr;
		kernel::destroy(tn);
	}
	return err;
}

extern "C" void rds_tcp_net_stop(rds_tcp_net *tn)
{
	tn->stop();
	kernel::destroy(tn);
}

/* Sockets get the new sizes by reconnecting. */
extern "C" void rds_tcp_sizes_changed(struct net *net)
{
	rds_conn_drop_net(&rds_tcp_transport, net);
}
