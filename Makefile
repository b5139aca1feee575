# SPDX-License-Identifier: GPL-2.0
# What people type; `make help` lists it. The work is done by scripts/ and by the kernel's own build (Kbuild).
#
# KDIR=DIR [ARCH=um]      build for that kernel tree only (default: each installed kernel that META allows)
# ALIAS=1                 with the alias net-pf-21: any user's socket(AF_RDS) loads the module
# KREL=RELEASE            kernel to install for (default: the running one)
# DESTDIR=DIR             root of the installation; INSTALL_MOD_PATH=DIR that of the modules, if it is another; PREFIX
KDIR             ?=
ALIAS            ?=
KREL             ?= $(shell uname -r)
INSTALL_MOD_PATH ?=
DESTDIR          ?= $(INSTALL_MOD_PATH)
PREFIX           ?= /usr/local
export ALIAS

CXX         = g++
TOOLS_FLAGS = -std=c++20 -O2 -g -Wall -Wextra -Werror -MMD -MP -Iinclude -Itools
tools      := $(patsubst tools/%.cc,build/tools/%,$(wildcard tools/rds-*.cc))

all: modules tools

modules:
	+@scripts/build-modules $(KDIR)

tools: $(tools)

build/tools/%: tools/%.cc Makefile
	@mkdir -p $(@D)
	$(CXX) $(TOOLS_FLAGS) $(CXXFLAGS) -o $@ $< $(LDFLAGS)

-include $(tools:=.d)

# what the tests run in a guest
programs:
	+@[ ! -f tests/programs/Makefile ] || $(MAKE) --no-print-directory -C tests/programs

check: modules
	+@scripts/check

test:
	+@scripts/test

bench: modules programs
	+@scripts/bench

demo: export TRANSPORT := $(TRANSPORT)
demo:
	+@scripts/demo

install uninstall:
	@KREL='$(KREL)' INSTALL_MOD_PATH='$(INSTALL_MOD_PATH)' DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' scripts/install $@

clean:
	rm -rf build compile_commands.json

help:
	@echo 'make              the modules for each installed supported kernel, and the tools'
	@echo 'make modules      only the modules (KDIR=DIR [ARCH=um]: for one kernel tree) -> build/RELEASE/'
	@echo 'make ALIAS=1      the same, and a socket(AF_RDS) of any user loads the module'
	@echo 'make tools        only the user-space programs -> build/tools/'
	@echo 'make programs     what the tests run in a guest -> build/tests/'
	@echo 'make check        style, static checks, object gate'
	@echo 'make test         everything: set-up, build, checks, all rings of tests'
	@echo 'make bench        what RDS costs beside the kernel'"'"'s own modules, TCP, UDP and AF_UNIX -> build/bench/'
	@echo 'make demo         two machines talk RDS (TRANSPORT=ib: over soft-RoCE)'
	@echo 'make install      for the running kernel (KREL=RELEASE; INSTALL_MOD_PATH, DESTDIR, PREFIX); uninstall undoes it'
	@echo 'make clean        remove build/'
	@echo 'scripts/setup installs the Debian packages that all this needs.'

.PHONY: all modules tools programs check test bench demo install uninstall clean help
.DELETE_ON_ERROR:
