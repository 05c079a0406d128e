import autocannon from 'autocannon';

// node http-load.js <url> start|read <seconds>
const [url, request, seconds] = [process.argv[2] ?? '', process.argv[3], Number(process.argv[4])];

const headers = { 'content-type': 'application/json' };
const body = JSON.stringify({ task: 'nothing', input: { file: 'products-2026-11.csv' } });

/** A run to read. */
async function started(): Promise<string> {
  const answer = await fetch(`${url}/process`, { method: 'POST', headers, body });
  const location = answer.headers.get('location');
  if (location === null) throw new Error(`the server answered ${answer.status}`);
  return location;
}

const asked =
  request === 'start' ? { method: 'POST' as const, path: '/process', headers, body } : { path: await started() };
const { requests, latency, non2xx, errors } = await autocannon({
  url,
  connections: 20,
  duration: seconds,
  requests: [asked],
});
if (non2xx + errors > 0) throw new Error(`${non2xx} requests were refused, ${errors} failed`);
console.log(JSON.stringify({ perSecond: requests.average, p99: latency.p99 }));
