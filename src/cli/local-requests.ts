import { STATUS_CODES, type IncomingMessage, type RequestListener } from 'node:http';
import { PROBLEM_TYPE, type Problem } from '../http-api/problem.js';
import { isLoopback } from './resolve-host.js';

/**
 * Lets through only what programs and pages of this computer send. Without it, any web page that is open in a browser
 * here could drive a server that has no access control: by a form, or by a name of its own that leads to 127.0.0.1 (DNS
 * rebinding). A browser says where a page came from, and by which name it calls.
 */
export function onlyLocal(listener: RequestListener): RequestListener {
  return (req, res) => {
    const refusal = refusalOf(req);
    if (refusal === undefined) {
      listener(req, res);
      return;
    }
    const title = STATUS_CODES[403] ?? 'Forbidden';
    const problem: Problem = { type: 'about:blank', title, status: 403, detail: refusal, code: 'HTTP_ERROR' };
    res.writeHead(403, { 'Content-Type': PROBLEM_TYPE, 'Cache-Control': 'no-store', Connection: 'close' });
    res.end(JSON.stringify(problem));
  };
}

/** Why the request is not from here; undefined where it is. */
function refusalOf({ method, headers }: IncomingMessage): string | undefined {
  if (!isLocalUrl(`http://${headers.host ?? ''}`)) {
    return 'The server is for this computer only: call it by localhost or 127.0.0.1, or start it with --insecure';
  }
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return undefined; // no other page can read the answer
  const fromElsewhere = headers['sec-fetch-site'] === 'cross-site';
  const { origin } = headers;
  if (!fromElsewhere && (origin === undefined || isLocalUrl(origin))) return undefined;
  return 'Pages of other sites may not start or change anything here';
}

function isLocalUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { hostname } = new URL(text);
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) return true;
  const address = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  // URL writes every IPv4 address as four decimal numbers; what is no address is a name.
  return /^(?:[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*)$/.test(address) && isLoopback(address);
}
