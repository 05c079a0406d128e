/** What `errand --help` prints. */
export const HELP = `Errand runs long work: start it, watch it, cancel it.

Usage: errand <command> [options]

Commands:
  serve      serve tasks over HTTP; see errand serve --help

Options:
  -h, --help     show this help
  -v, --version  show the version
`;

/** What `errand serve --help` prints. */
export const SERVE_HELP = `Serves tasks over HTTP. Runs live in the memory of the server, and end with it.

Usage: errand serve [--tasks <module>] [--examples] [--insecure]

Options:
  --tasks <module>  a module that exports tasks, each made by defineTask, or an
                    array of them named tasks; may be given more than once
  --examples        serve the examples import-products and slow-report
                    (they are in the repository, not in the package)
  --insecure        allow a HOST that other computers can reach
  -h, --help        show this help

Environment:
  HOST            where to listen (default 127.0.0.1). There is no access control
                  yet, so only this computer may be let in, unless --insecure is given
  PORT            the port to listen on (default 3000; 0 takes any free one)
  ERRAND_DATA     the folder for files (default data/)
  ERRAND_BACKEND  where runs live (default memory, the only one there is)
  LOG_LEVEL       trace, debug, info (default), warn, error, fatal or silent

What happens is logged to stderr as JSON. SIGTERM and SIGINT let running work end,
for 10 seconds at most; a second one ends the server at once.
`;
