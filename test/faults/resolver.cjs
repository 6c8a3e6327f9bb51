// Preloaded into a process that knows its servers by names. Their addresses are looked up as long as the file is empty;
// otherwise the file contains the code of the error that the resolver returns.
const dns = require('node:dns');
const { readFileSync } = require('node:fs');

const { lookup } = dns;

dns.lookup = (host, ...rest) => {
  if (!host.endsWith('.lastseen.test')) return lookup(host, ...rest);
  const code = readFileSync(process.env.RESOLVER_FILE, 'utf8');
  if (code === '') return lookup('127.0.0.1', ...rest);
  const error = Object.assign(new Error(`getaddrinfo ${code} ${host}`), {
    code,
    syscall: 'getaddrinfo',
    hostname: host,
  });
  process.nextTick(rest.at(-1), error);
};
