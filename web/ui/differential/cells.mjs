// What an emulator shows, as data: rows of cells without blank rests. The same for the headless emulator and the page's.
//
// A cell is [text, width, pen]; a pen is "foreground|background|attributes", each empty if it is the default one.

const ATTRIBUTES = [
  ["isBold", "b"], ["isDim", "d"], ["isItalic", "i"], ["isUnderline", "u"], ["isBlink", "k"],
  ["isInverse", "v"], ["isInvisible", "h"], ["isStrikethrough", "s"], ["isOverline", "o"],
];

/** Bits of xterm.js: a cell is underlined, by which style. Links are drawn underlined, which is no attribute of the text. */
const UNDERLINE = 0x10000000;
const UNDERLINE_STYLE = 0x1c000000;

function hasAttribute(cell, test) {
  if (test === "isUnderline" && cell.extended?.urlId) {
    return (cell.fg & UNDERLINE) !== 0 || (cell.extended._ext & UNDERLINE_STYLE) !== 0;
  }
  return cell[test]();
}

function colour(isDefault, isRgb, value) {
  if (isDefault) return "";
  return isRgb ? `#${value.toString(16).padStart(6, "0")}` : `${value}`;
}

function pen(cell) {
  const fg = colour(cell.isFgDefault(), cell.isFgRGB(), cell.getFgColor());
  const bg = colour(cell.isBgDefault(), cell.isBgRGB(), cell.getBgColor());
  const attributes = ATTRIBUTES.filter(([test]) => hasAttribute(cell, test)).map(([, letter]) => letter).join("");
  return fg === "" && bg === "" && attributes === "" ? "" : `${fg}|${bg}|${attributes}`;
}

function row(line, cols) {
  const cells = [];
  let end = 0;
  for (let x = 0; x < cols; x++) {
    const cell = line?.getCell(x);
    if (cell === undefined) break;
    const text = cell.getChars() === "" && cell.getWidth() === 1 ? " " : cell.getChars();
    cells.push([text, cell.getWidth(), pen(cell)]);
    if (text !== " " || cells[x][2] !== "") end = x + 1;
  }
  return cells.slice(0, end);
}

function rows(buffer, from, to, cols) {
  return Array.from({ length: Math.max(0, to - from) }, (_, at) => row(buffer.getLine(from + at), cols));
}

/** Screen, history and cursor of an xterm.js terminal. `normal`: the normal screen while the alternate one is shown. */
export function screenOf(terminal) {
  const { active, normal, alternate } = terminal.buffer;
  const shown = active.type === "alternate" ? alternate : normal;
  return {
    cols: terminal.cols,
    rows: terminal.rows,
    cursor: [active.cursorX, active.cursorY],
    history: rows(normal, 0, normal.baseY, terminal.cols),
    screen: rows(shown, shown.baseY, shown.baseY + terminal.rows, terminal.cols),
    normal: shown === alternate ? rows(normal, normal.baseY, normal.baseY + terminal.rows, terminal.cols) : null,
  };
}
