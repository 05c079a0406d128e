import { createServer, type RequestListener } from 'node:http';

/** Listens on a free port and prints where. */
export function listen(listener: RequestListener): void {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1', () => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('not listening on a port');
    console.log(JSON.stringify({ url: `http://127.0.0.1:${address.port}` }));
  });
}
