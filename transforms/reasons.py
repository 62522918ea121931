"""Every code a user can meet, in one place: what can be wrong with a photo, and what can stop one from being judged.

Docs, records, messages and advice derive from the two tables below; a test compares `docs/data.md` with them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReasonText:
    """What a reason code means, and what the seller is told to do; `{amount}` is filled from the reason, in `unit`."""

    meaning: str
    advice_en: str
    advice_zh: str
    rubric: str
    """The code of the labelling rubric that this one counts as."""
    unit: str = ""


REASONS: dict[str, ReasonText] = {
    # light
    "dark": ReasonText(
        "the whole photo is too dark; a gain can still bring it up",
        "Turn towards a window or switch on a light: the photo is {amount} stops too dark.",
        "请靠近窗户或开灯再拍:照片暗了 {amount} 档。",
        "dark",
        "stops",
    ),
    "too_dark": ReasonText(
        "so dark that the item's detail is lost",
        "Take it again in daylight: the photo is {amount} stops too dark, its detail is lost.",
        "请在日光下重拍:照片暗了 {amount} 档,细节已丢失。",
        "dark",
        "stops",
    ),
    "bright": ReasonText(
        "the photo is too bright, but the item's detail is still there",
        "Expose less, or move away from the lamp: the photo is {amount} stops too light.",
        "请降低曝光,或离灯远一些:照片亮了 {amount} 档。",
        "bright",
        "stops",
    ),
    "burnt_out": ReasonText(
        "the item is burnt out: its detail is pure white",
        "Take it again without flash or direct sun: {amount} % of the photo is burnt out.",
        "请关闭闪光灯、避开直射阳光后重拍:画面有 {amount}% 过曝成纯白。",
        "bright",
        "percent",
    ),
    "glare": ReasonText(
        "a bright reflection hides a part of the item",
        "Switch the flash off or tilt the item: a reflection covers {amount} % of it.",
        "请关闭闪光灯或转动商品角度:反光遮住了 {amount}%。",
        "glare",
        "percent",
    ),
    "low_contrast": ReasonText(
        "the tones lie close together, as through a veil",
        "Wipe the lens and keep light from shining into it: only {amount} % of the range of tones is used.",
        "请擦净镜头并避免光线直射镜头:照片只用了 {amount}% 的明暗范围。",
        "low_contrast",
        "percent",
    ),
    "uneven_light": ReasonText(
        "one side is much darker than the other",
        "Let light come from both sides: one side is {amount} stops darker.",
        "请让光线从两侧照来:一侧比另一侧暗 {amount} 档。",
        "uneven_light",
        "stops",
    ),
    # colour
    "cast": ReasonText(
        "the light has a colour, so the item's colour is not true",
        "Use daylight or one kind of lamp only: neutral tones are tinted by {amount} ΔE.",
        "请使用日光或同一种灯光:中性色偏色 {amount} ΔE。",
        "cast",
        "ΔE",
    ),
    # detail
    "blur": ReasonText(
        "out of focus",
        "Tap on the item to focus and stand half a metre further back: the photo is out of focus by {amount} pixels.",
        "请点按商品对焦,并后退半米再拍:照片失焦约 {amount} 像素。",
        "blur",
        "pixels",
    ),
    "motion": ReasonText(
        "the camera moved",
        "Rest the phone on something and use more light: the camera moved by {amount} pixels.",
        "请把手机靠稳并增加光线:拍摄时抖动约 {amount} 像素。",
        "motion",
        "pixels",
    ),
    "noise": ReasonText(
        "the photo is grainy",
        "Use more light: the grain is {amount} levels strong.",
        "请增加光线:噪点强度为 {amount} 级。",
        "noise",
        "levels",
    ),
    "low_res": ReasonText(
        "too few pixels",
        "Send the original photo: its shorter side is only {amount} pixels.",
        "请上传原图:短边只有 {amount} 像素。",
        "low_res",
        "pixels",
    ),
    "enlarged": ReasonText(
        "enlarged from a much smaller picture: there are fewer real pixels than the file has",
        "Send the original photo, not a thumbnail: this one was enlarged about {amount} times.",
        "请上传原图而不是缩略图:这张图约被放大了 {amount} 倍。",
        "low_res",
        "times",
    ),
    "compression": ReasonText(
        "blocks of strong compression are seen",
        "Send the original file: this one was compressed too strongly, its block edges are {amount} levels high.",
        "请上传原始文件:压缩过度,色块边缘高达 {amount} 级。",
        "compression",
        "levels",
    ),
    # framing
    "cut_off": ReasonText(
        "the frame cuts the item",
        "Step back: {amount} % of the frame's edge cuts through the item.",
        "请后退一些:画面边缘有 {amount}% 切到了商品。",
        "cut_off",
        "percent",
    ),
    "small": ReasonText(
        "the item is too small in the frame",
        "Step closer: the item fills only {amount} % of the photo.",
        "请靠近一些:商品只占画面的 {amount}%。",
        "small",
        "percent",
    ),
    "clutter": ReasonText(
        "other things draw the eye away from the item",
        "Lay the item on a plain sheet: {amount} % of the ground is busy.",
        "请把商品放在纯色背景上:{amount}% 的背景杂乱。",
        "clutter",
        "percent",
    ),
    # what was added
    "overlay": ReasonText(
        "text or a logo was laid over the photo",
        "Send the photo without text, logo or date: they cover {amount} % of it.",
        "请上传不带文字、标志或日期的照片:它们占画面的 {amount}%。",
        "overlay",
        "percent",
    ),
    "border": ReasonText(
        "a frame or a bar was added around the photo",
        "Send the photo without a border: {amount} % of the picture is border.",
        "请上传不带边框的照片:边框占画面的 {amount}%。",
        "overlay",
        "percent",
    ),
    "collage": ReasonText(
        "several photos in one",
        "Send each photo by itself: this one is put together of {amount} parts.",
        "请分别上传每张照片:这张由 {amount} 部分拼成。",
        "overlay",
        "parts",
    ),
    # not a photo of a product
    "screenshot": ReasonText(
        "a screenshot, not a photo",
        "Send the photo itself, not a screenshot: {amount} % of this picture was drawn, not photographed.",
        "请上传照片本身而不是截图:画面有 {amount}% 是绘制内容。",
        "not_product",
        "percent",
    ),
    "size_chart": ReasonText(
        "a table or chart; fine where the photo's role is a size chart",
        "Send a photo of the item as the main picture: {amount} % of this one is a drawn chart.",
        "主图请使用商品照片:这张有 {amount}% 是图表。",
        "not_product",
        "percent",
    ),
    "text_only": ReasonText(
        "a page of text, not a photo; fine where the photo's role is a size chart",
        "Send a photo of the item: {amount} % of this picture is writing.",
        "请上传商品照片:画面有 {amount}% 是文字。",
        "not_product",
        "percent",
    ),
    "not_a_photo": ReasonText(
        "drawn or computed, not photographed: noise, a pattern, a gradient, a drawing",
        "Take a photo of the item itself: this picture was drawn or computed, as is {amount} % likely.",
        "请拍摄商品实物:这张图像有 {amount}% 的可能是绘制或生成的。",
        "not_product",
        "percent",
    ),
    "blank": ReasonText(
        "nothing is to be seen: one colour",
        "Take the photo again: {amount} % of it is one colour.",
        "请重拍:画面有 {amount}% 是同一种颜色。",
        "not_product",
        "percent",
    ),
}
"""Reason code -> its texts."""


def advice(code: str, amount: float | None) -> tuple[str, str]:
    """Return what the seller is told for a reason, in English and in Chinese: what to do, and the amount where there is one."""
    text = REASONS[code]
    if amount is None:
        what_en, what_zh = text.advice_en.partition(": ")[0], text.advice_zh.partition(":")[0]
        return what_en.removesuffix(".") + ".", what_zh.removesuffix("。") + "。"
    return text.advice_en.format(amount=_rounded(amount)), text.advice_zh.format(amount=_rounded(amount))


NOTHING_ASKED: dict[str, tuple[str, str]] = {
    "accept": ("slight: nothing is asked of the seller", "轻微:无需卖家处理"),
    "improve": (
        "nothing is asked of the seller: the mended photo is delivered",
        "无需卖家处理:将使用修复后的照片",
    ),
}
"""Verdict that asks for no other photo -> what stands beside its reasons, in English and in Chinese."""


def asked(code: str, amount: float | None, verdict: str) -> tuple[str, str]:
    """Return what a person is shown beside a reason: the advice where another photo is asked for, else that nothing is."""
    return NOTHING_ASKED[verdict] if verdict in NOTHING_ASKED else advice(code, amount)


def _rounded(amount: float) -> str:
    return f"{amount:.0f}" if abs(amount) >= 9.95 else f"{amount:.1f}".removesuffix(".0")


WHY_LEFT: dict[str, str] = {
    "evidence": "the photo does not prove it beyond doubt",
    "operation": "nothing that removes it was shown to do no harm",
    "fall": "no strength removed enough of it",
    "rise": "another defect would have become worse",
    "structure": "fine detail would have changed too much",
    "hue": "colours would have turned too far",
    "chroma": "colours would have become too pale or too strong",
    "clipping": "too much would have become plain white or black",
    "colour": "colours would have moved too far without a neutral ground to prove it",
    "text": "writing would have become harder to read",
}
"""The bound that a mend broke (`Action.bound`) -> why the photo was left as it was."""

UNSCORED: dict[str, str] = {
    "blank": "nothing is on it: one colour, or one going over into another",
    "text_only": "it is a page of text",
    "not_a_photo": "it was drawn or computed, not photographed",
}
"""Why a photo has no score -> meaning."""

REFUSALS: dict[str, str] = {
    # the event
    "bad_manifest_row": "a manifest row that names no image or has a field of the wrong type",
    "bad_event": "a message that no known event schema fits",
    "bad_uri": "a URI that is malformed or of a scheme that is not served",
    # the bytes
    "not_found": "nothing is there",
    "permission_denied": "it is there, but may not be read",
    "is_directory": "the name is a folder",
    "forbidden_location": "the place is outside what this configuration allows to be read",
    "fetch_timeout": "the store did not answer in time",
    "fetch_failed": "the store answered with an error that a retry did not cure",
    "changed": "the stored object is no longer the version that the event names",
    # the file
    "empty_file": "0 bytes",
    "too_many_bytes": "larger than the limit on bytes",
    "too_many_pixels": "more pixels than the limit",
    "too_many_frames": "more frames than the limit",
    "not_an_image": "the bytes are of no image format",
    "unsupported_format": "an image format, or a variant of one, that is not decoded here",
    "truncated": "the file ends before its picture does",
    "corrupt": "the file breaks its format's rules",
    "decode_timeout": "decoding took longer than the limit",
    "decode_memory": "decoding needed more memory than the limit",
    "decoder_crashed": "the decoder process died on it",
    # the work
    "score_failed": "the model could not be run on it, alone",
    "write_failed": "the mended photo could not be written",
    "poison": "it was being processed each time the process died",
    "internal_error": "a fault in this program; the message names it",
}
"""Dead-letter code -> meaning."""

NOTES: dict[str, str] = {
    "first_frame": "the file has several pictures; the first one counts",
    "turned_upright": "stored turned or mirrored, brought upright by its EXIF orientation",
    "sixteen_bit": "grey of 16 bits, brought to 8",
    "range_stretched": "grey of 32 bits or floats without a range: its own lowest and highest value became black and white",
    "alpha_on_white": "transparent parts were laid on white",
    "icc_converted": "converted to sRGB by the file's colour profile",
    "icc_ignored": "the file's colour profile is broken or does not fit its pixels; taken as sRGB",
    "cmyk_without_profile": "four inks without a profile, mixed by arithmetic: colours are approximate",
    "damaged": "the decoder met an error that it could pass over; a part of the picture may be wrong",
}
"""What had to be done to a photo's pixels -> meaning."""
