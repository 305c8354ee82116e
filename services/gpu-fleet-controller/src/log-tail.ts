/** Lines that are kept, and characters of each. */
const maxLines = 50;
const maxLine = 500;

/** The last lines a process wrote. */
export class LogTail {
  private readonly kept: string[] = [];
  private open = '';

  add(text: string): void {
    const lines = (this.open + text).split('\n');
    this.open = lines.pop()!.slice(-maxLine);
    for (const line of lines.slice(-maxLines)) if (line.trim() !== '') this.kept.push(line.trim().slice(0, maxLine));
    if (this.kept.length > maxLines) this.kept.splice(0, this.kept.length - maxLines);
  }

  lines(): readonly string[] {
    return this.open.trim() === '' ? this.kept : [...this.kept, this.open.trim()];
  }
}
