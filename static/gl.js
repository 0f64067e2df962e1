// The small parts of WebGL2 that everything else is made of: a context, programs, textures, targets.

/** The browser cannot draw in 3D. */
export class NoWebGl extends Error {}

/** Names under which drivers that draw on the processor go. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Whether a processor draws instead of a GPU; asked of a context that is thrown away. Throws NoWebGl. */
function drawsInSoftware() {
  const gl = document.createElement("canvas").getContext("webgl2");
  if (!gl) throw new NoWebGl();
  const names = gl.getExtension("WEBGL_debug_renderer_info");
  const name = String(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return SOFTWARE.test(name);
}

/** A context for `canvas`, and whether a processor draws. Throws NoWebGl. */
export function openContext(canvas) {
  const software = drawsInSoftware();
  // Four samples a pixel cost a processor four times the work.
  const gl = canvas.getContext("webgl2", { alpha: false, powerPreference: "low-power", antialias: !software });
  if (!gl) throw new NoWebGl();
  return { gl, software };
}

function compile(gl, kind, source) {
  const shader = gl.createShader(kind);
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

/** A linked program with its uniforms by name. */
export function program(gl, vertex, fragment) {
  const handle = gl.createProgram();
  const parts = [compile(gl, gl.VERTEX_SHADER, vertex), compile(gl, gl.FRAGMENT_SHADER, fragment)];
  for (const part of parts) gl.attachShader(handle, part);
  gl.linkProgram(handle);
  if (!gl.getProgramParameter(handle, gl.LINK_STATUS) && !gl.isContextLost()) {
    const log = parts.map((part) => gl.getShaderInfoLog(part)).join("\n") + gl.getProgramInfoLog(handle);
    throw new Error(`A shader does not build: ${log}`);
  }
  const uniforms = {};
  const count = gl.getProgramParameter(handle, gl.ACTIVE_UNIFORMS) ?? 0;
  for (let i = 0; i < count; i++) {
    const { name } = gl.getActiveUniform(handle, i);
    uniforms[name] = gl.getUniformLocation(handle, name);
  }
  return { handle, uniforms };
}

/** A square texture of `size` texels without content. */
export function texture(gl, size, internal, format, type, filter) {
  const handle = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, handle);
  gl.texImage2D(gl.TEXTURE_2D, 0, internal, size, size, 0, format, type, null);
  for (const [name, value] of [
    [gl.TEXTURE_MIN_FILTER, filter], [gl.TEXTURE_MAG_FILTER, filter],
    [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
  ]) gl.texParameteri(gl.TEXTURE_2D, name, value);
  return handle;
}

/** A framebuffer that draws into `image`. */
export function target(gl, attachment, image) {
  const handle = gl.createFramebuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, handle);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, attachment, gl.TEXTURE_2D, image, 0);
  return handle;
}

/** A vertex array whose `locations` are read once an instance, from one buffer of rows of `stride` floats. */
export function instances(gl, stride, locations, most) {
  const array = gl.createVertexArray();
  const buffer = gl.createBuffer();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, most * stride * 4, gl.DYNAMIC_DRAW);
  locations.forEach((location, i) => {
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, 4, gl.FLOAT, false, stride * 4, i * 16);
    gl.vertexAttribDivisor(location, 1);
  });
  gl.bindVertexArray(null);
  return { array, buffer };
}
