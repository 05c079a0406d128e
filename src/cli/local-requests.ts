import { STATUS_CODES, type RequestListener } from 'node:http';
import { PROBLEM_TYPE, type Problem } from '../http-api/problem.js';
import { isLoopback } from './resolve-host.js';

/**
 * Lets through only what calls the server by a name of this computer. Without it, any web page that is open in a browser
 * here could drive a server that has no access control: by a name of its own that leads to 127.0.0.1 (DNS rebinding).
 * That pages of other sites change nothing is for the routes to see to.
 */
export function onlyLocal(listener: RequestListener): RequestListener {
  return (req, res) => {
    if (isLocalUrl(`http://${req.headers.host ?? ''}`)) {
      listener(req, res);
      return;
    }
    const title = STATUS_CODES[403] ?? 'Forbidden';
    const problem: Problem = { type: 'about:blank', title, status: 403, detail: DETAIL, code: 'FORBIDDEN' };
    res.writeHead(403, { 'Content-Type': PROBLEM_TYPE, 'Cache-Control': 'no-store', Connection: 'close' });
    res.end(JSON.stringify(problem));
  };
}

const DETAIL = 'The server is for this computer only: call it by localhost or 127.0.0.1, or start it with --insecure';

function isLocalUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { hostname } = new URL(text);
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) return true;
  const address = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  // URL writes every IPv4 address as four decimal numbers; what is no address is a name.
  return /^(?:[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*)$/.test(address) && isLoopback(address);
}
