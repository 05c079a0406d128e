import type { RequestListener } from 'node:http';
import { sendRefusal, type Refusal } from './refusal.js';
import { isLoopback } from './resolve-host.js';

/**
 * Lets through only what calls the server by a name of this computer. Without it, any web page that is open in a browser
 * here could drive a server that has no access control: by a name of its own that leads to 127.0.0.1 (DNS rebinding).
 * That pages of other sites change nothing is for the routes to see to.
 */
export function onlyLocal(listener: RequestListener): RequestListener {
  // Nearly all requests call it by the same name, and to look at one takes a while.
  let known: string | undefined;
  return (req, res) => {
    const { host = '' } = req.headers;
    if (host !== known && !isLocalHost(host)) {
      sendRefusal(res, NOT_LOCAL);
      return;
    }
    known = host;
    listener(req, res);
  };
}

const NOT_LOCAL: Refusal = {
  status: 403,
  detail: 'The server is for this computer only: call it by localhost or 127.0.0.1, or start it with --insecure',
  code: 'FORBIDDEN',
};

function isLocalHost(host: string): boolean {
  // More than a name and a port would be another part of a URL.
  if (/[/?#@\\]/.test(host) || !URL.canParse(`http://${host}`)) return false;
  const { hostname } = new URL(`http://${host}`);
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) return true;
  const address = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  // URL writes every IPv4 address as four decimal numbers; what is no address is a name.
  return /^(?:[0-9.]+|[0-9a-f:.]*:[0-9a-f:.]*)$/.test(address) && isLoopback(address);
}
