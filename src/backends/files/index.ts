export { fileFolder, type FileFolderOptions } from './file-folder.js';
export { FileTooLargeError } from '../../ports/files.js';
export type { FileStore } from '../../ports/files.js';
