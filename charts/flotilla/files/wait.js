// Waits until each host:port takes a connection.
const { connect } = require('node:net');
const attempt = ([host, port]) =>
  new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: 2000 });
    const end = (there) => (socket.destroy(), resolve(there));
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
// An end without an answer is not one.
process.exitCode = 1;
(async () => {
  for (const address of process.argv.slice(1)) {
    console.log(`waiting for ${address}`);
    while (!(await attempt(address.split(':')))) await new Promise((resolve) => setTimeout(resolve, 500));
  }
  process.exitCode = 0;
})();
