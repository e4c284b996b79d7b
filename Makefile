# make                build every program (release)
# make install        programs, fosse, manual pages, completions, units, below $(DESTDIR); needs no cargo, so: sudo make install
# make uninstall      removes what make install has put there, and nothing else
# make demo           run the edge in front of a sample site on 127.0.0.1:8080
# make demo-check     the same on a free port, asked by itself
# make check          every test that fits in 40 minutes: the one test command
# make check-all      check, the lock-down on Debian's other kernels (qemu), the unit under a real systemd (a container), and
#                     what takes long with real applications
# make bench          fosse beside nginx and HAProxy, one table
# make bench-tls      the same for TLS and HTTP/2, with the same certificate
# make bench-policies what sites and routes cost, one and thousands, beside nginx
# make bench-waf      rules beside nginx with libmodsecurity, one table
# make parity         the verdicts of both on the same requests, every difference explained; those of the built-in rules
# make soak           hours under load, with kills, stops, reloads; for a number of requests in place of a time:
#                     make soak SOAK_OPTIONS="--requests 10000000 everything"
# make fuzz           the decoders under mutation, FUZZ_SECONDS each; then the search for the slowest request
# No target asks for anything on standard input.

SHELL = /bin/sh
CARGO = cargo
PREFIX = /usr/local
LIBEXEC = $(PREFIX)/libexec/fosse
FUZZ_SECONDS = 600
# Programs alone: what tests and fuzzing build besides is built where it is run.
PROGRAMS = $(patsubst fosse-fosse,fosse,$(addprefix fosse-,$(sort $(patsubst bins/%/,%,$(wildcard bins/*/)))))
MANUALS = $(wildcard man/*.[1-8])

all:
	$(CARGO) build --release --locked --bins $(PROGRAMS:%=-p %)
	@install -d target && tests/programs.sh release > target/programs

install:
	@packaging/install.sh install "$(DESTDIR)" "$(PREFIX)" "$(LIBEXEC)"

uninstall:
	@packaging/install.sh uninstall "$(DESTDIR)" "$(PREFIX)" "$(LIBEXEC)"

demo: all
	tests/demo/demo.sh "$$(tests/programs.sh release)"

demo-check: all
	tests/demo/demo.sh --check "$$(tests/programs.sh release)"

check:
	tests/check.sh

check-all: check check-kernels check-systemd check-applications

check-applications:
	tests/setup.sh
	tests/setup.sh npm chromium testssl.sh
	tests/applications/next/build.sh
	FOSSE_LARGE_BYTES=1073741824 $(CARGO) test --profile tested --locked -p fosse-applications
	FOSSE_SCANS=1 $(CARGO) test --profile tested --locked -p fosse-clients --test scanners

check-kernels:
	tests/setup.sh qemu-system-x86 busybox-static cpio
	tests/kernels/check-kernels.sh

check-systemd: all
	tests/setup.sh systemd-container mmdebstrap debian-archive-keyring iproute2 util-linux procps curl
	tests/systemd/check-systemd.sh "$$(tests/programs.sh release)"

bench: all
	tests/setup.sh nginx-light haproxy wrk strace nghttp2-client
	FOSSE_PROGRAMS="$$(tests/programs.sh release)" python3 tests/bench/bench.py $(BENCH_OPTIONS)

bench-tls: all
	tests/setup.sh nginx-light haproxy wrk nghttp2-client nghttp2-server openssl python3-cryptography
	$(CARGO) build --release --locked -p fosse-clients
	FOSSE_PROGRAMS="$$(tests/programs.sh release)" python3 tests/bench/bench_tls.py $(BENCH_OPTIONS)

bench-policies: all
	tests/setup.sh nginx-light wrk
	python3 tests/bench/policies.py --programs "$$(tests/programs.sh release)" $(BENCH_OPTIONS)

bench-waf: all
	tests/setup.sh nginx-light libnginx-mod-http-modsecurity modsecurity-crs
	python3 tests/bench-waf/bench_waf.py --programs "$$(tests/programs.sh release)" $(BENCH_WAF_OPTIONS)

parity: all
	tests/setup.sh nginx-light libnginx-mod-http-modsecurity modsecurity-crs
	python3 tests/bench-waf/parity.py --programs "$$(tests/programs.sh release)" $(PARITY_OPTIONS)
	python3 tests/bench-waf/builtin.py --programs "$$(tests/programs.sh release)"

soak: all
	FOSSE_PROGRAMS="$$(tests/programs.sh release)" $(CARGO) run --release --locked -p fosse-soak -- $(SOAK_OPTIONS)

fuzz:
	tests/setup.sh g++ modsecurity-crs
	fuzz/fuzz.sh --seconds $(FUZZ_SECONDS)
	fuzz/slowest.sh --seconds $(FUZZ_SECONDS) /usr/share/modsecurity-crs

.PHONY: all install uninstall demo demo-check check check-all check-kernels check-systemd check-applications bench bench-tls bench-policies bench-waf parity soak fuzz
