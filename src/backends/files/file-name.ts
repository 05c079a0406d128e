/** The names that files get: nothing that a caller sends ever becomes part of a path. */
export const FILE_NAME = /^[0-9a-f]{32}$/;
